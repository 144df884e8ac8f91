//! The textbook: a page per family of problems. Every number on a page is computed by the code beside it, which runs as
//! a test.

macro_rules! pages {
    ($($name:ident: $file:literal;)*) => {
        $(
            #[doc = include_str!(concat!("../guide/", $file))]
            pub mod $name {}
        )*

        /// `[(name, text)]`: every page.
        pub const PAGES: &[(&str, &str)] = &[$((stringify!($name), include_str!(concat!("../guide/", $file)))),*];
    };
}

pages! {
    economic_order_quantity: "economic_order_quantity.md";
    fixed_order_cost: "fixed_order_cost.md";
    lost_sales: "lost_sales.md";
    newsvendor: "newsvendor.md";
    worked_example: "worked_example.md";
}
