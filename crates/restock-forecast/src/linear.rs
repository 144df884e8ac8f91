//! Small systems of linear equations.

/// Solves `matrix · x = right` by Cholesky; only the lower triangle of `matrix` is read. `false` when the matrix is
/// not positive definite, and then both are left half done.
pub fn solve_in_place(matrix: &mut [f64], right: &mut [f64], p: usize) -> bool {
    for i in 0..p {
        for j in 0..=i {
            let mut sum = matrix[i * p + j];
            for k in 0..j {
                sum -= matrix[i * p + k] * matrix[j * p + k];
            }
            if i == j {
                if sum.is_nan() || sum <= 1e-300 {
                    return false;
                }
                matrix[i * p + i] = sum.sqrt();
            } else {
                matrix[i * p + j] = sum / matrix[j * p + j];
            }
        }
    }
    for i in 0..p {
        for k in 0..i {
            right[i] -= matrix[i * p + k] * right[k];
        }
        right[i] /= matrix[i * p + i];
    }
    for i in (0..p).rev() {
        for k in i + 1..p {
            right[i] -= matrix[k * p + i] * right[k];
        }
        right[i] /= matrix[i * p + i];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_are_solved_or_said_to_have_no_solution() {
        // Above the diagonal stands what nobody reads.
        let (mut matrix, mut right) = ([4.0, f64::NAN, 2.0, 3.0], [8.0, 10.0]);
        assert!(solve_in_place(&mut matrix, &mut right, 2));
        assert!(right.iter().zip([0.5, 3.0]).all(|(found, known)| (found - known).abs() < 1e-12), "{right:?}");
        assert!(!solve_in_place(&mut [1.0, 2.0, 2.0, 4.0], &mut [1.0, 2.0], 2));
    }
}
