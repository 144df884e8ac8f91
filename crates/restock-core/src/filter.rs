//! The filter language of segments: `item.abc == 'C' and location.kind == 'store'`.
//!
//! ```text
//! filter     = and { "or" and }
//! and        = not { "and" not }
//! not        = [ "not" ] ( "(" filter ")" | comparison )
//! comparison = field ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) value | field [ "not" ] "in" "[" value { "," value } "]"
//! value      = 'text' | "text" | number
//! ```
//!
//! A field is `item.NAME`, `location.NAME` or `source.NAME`. Comparing with a number compares numbers, and is false
//! where the field is no number; a field without a value equals `''`. At most [`MAX_DEPTH`] brackets and `not`s are within
//! each other.

use std::fmt;

/// The most brackets and `not`s within each other.
pub const MAX_DEPTH: usize = 64;

/// A parsed filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter(Node);

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Or(Vec<Node>),
    And(Vec<Node>),
    Not(Box<Node>),
    Compare { field: String, operator: Operator, value: Value },
    In { field: String, values: Vec<Value> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(String),
    Number(f64),
}

/// Why a text is not a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("filter {filter:?}: got {got} at character {at}, expected {expected}")]
pub struct FilterError {
    /// The whole text.
    pub filter: String,
    /// What stands there.
    pub got: String,
    /// Where, counted from 1.
    pub at: usize,
    /// What is allowed.
    pub expected: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number(f64),
    Symbol(&'static str),
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(word) => write!(f, "{word:?}"),
            Token::Text(text) => write!(f, "the text {text:?}"),
            Token::Number(number) => write!(f, "the number {number}"),
            Token::Symbol(symbol) => write!(f, "{symbol:?}"),
            Token::End => f.write_str("the end"),
        }
    }
}

impl Filter {
    /// Reads a filter.
    ///
    /// ```
    /// use restock_core::filter::Filter;
    /// let filter = Filter::parse("item.abc in ['A', 'B'] and not location.kind == 'dc'").unwrap();
    /// let fields = |name: &str| Some(if name == "item.abc" { "A".to_owned() } else { "store".to_owned() });
    /// assert!(filter.matches(&fields));
    /// ```
    ///
    /// # Errors
    /// [`FilterError`] says where and what is expected.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Self::parse_of_lines(text, &[])
    }

    /// As [`Filter::parse`], for things that have these fields and no others.
    ///
    /// ```
    /// use restock_core::filter::Filter;
    /// let known = ["value", "source.id"];
    /// let filter = Filter::parse_of_lines("value > 20000 and source.id == 'dairy'", &known).unwrap();
    /// assert!(Filter::parse_of_lines("item.abc == 'A'", &known).is_err());
    /// let fields = |name: &str| Some(if name == "value" { "25000".to_owned() } else { "dairy".to_owned() });
    /// assert!(filter.matches(&fields));
    /// ```
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn parse_of_lines(text: &str, own_fields: &[&str]) -> Result<Self, FilterError> {
        let mut parser = Parser { text, own_fields, tokens: tokens(text)?, next: 0, depth: 0 };
        let node = parser.or()?;
        match parser.peek() {
            Token::End => Ok(Self(node)),
            _ => Err(parser.error("\"and\", \"or\" or the end")),
        }
    }

    /// Whether the filter holds for something whose fields `field` looks up by name.
    pub fn matches(&self, field: &dyn Fn(&str) -> Option<String>) -> bool {
        self.0.matches(field)
    }
}

impl Node {
    fn matches(&self, field: &dyn Fn(&str) -> Option<String>) -> bool {
        match self {
            Node::Or(nodes) => nodes.iter().any(|node| node.matches(field)),
            Node::And(nodes) => nodes.iter().all(|node| node.matches(field)),
            Node::Not(node) => !node.matches(field),
            Node::Compare { field: name, operator, value } => {
                let own = field(name).unwrap_or_default();
                let ordering = match value {
                    Value::Text(text) => Some(own.as_str().cmp(text.as_str())),
                    Value::Number(number) => own.trim().parse::<f64>().ok().and_then(|own| own.partial_cmp(number)),
                };
                match (operator, ordering) {
                    (Operator::NotEqual, None) => true,
                    (_, None) => false,
                    (Operator::Equal, Some(ordering)) => ordering.is_eq(),
                    (Operator::NotEqual, Some(ordering)) => ordering.is_ne(),
                    (Operator::Less, Some(ordering)) => ordering.is_lt(),
                    (Operator::LessOrEqual, Some(ordering)) => ordering.is_le(),
                    (Operator::Greater, Some(ordering)) => ordering.is_gt(),
                    (Operator::GreaterOrEqual, Some(ordering)) => ordering.is_ge(),
                }
            }
            Node::In { field: name, values } => values.iter().any(|value| {
                let equal = Node::Compare { field: name.clone(), operator: Operator::Equal, value: value.clone() };
                equal.matches(field)
            }),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    /// The fields that there are; empty where any field of item, location and source may be.
    own_fields: &'a [&'a str],
    /// Tokens with their place, counted in characters from 1; the last is [`Token::End`].
    tokens: Vec<(usize, Token)>,
    next: usize,
    /// Brackets and `not`s around what is being read.
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].1
    }

    fn take(&mut self) -> Token {
        let token = self.tokens[self.next].1.clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_next = matches!(self.peek(), Token::Word(next) if next.eq_ignore_ascii_case(word));
        if is_next {
            self.take();
        }
        is_next
    }

    fn take_symbol(&mut self, symbol: &'static str) -> Result<(), FilterError> {
        if *self.peek() == Token::Symbol(symbol) {
            self.take();
            return Ok(());
        }
        Err(self.error(&format!("{symbol:?}")))
    }

    fn error(&self, expected: &str) -> FilterError {
        let (at, token) = &self.tokens[self.next];
        FilterError { filter: self.text.to_owned(), got: token.to_string(), at: *at, expected: expected.to_owned() }
    }

    fn or(&mut self) -> Result<Node, FilterError> {
        let mut nodes = vec![self.and()?];
        while self.take_word("or") {
            nodes.push(self.and()?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::Or(nodes) })
    }

    fn and(&mut self) -> Result<Node, FilterError> {
        let mut nodes = vec![self.not()?];
        while self.take_word("and") {
            nodes.push(self.not()?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::And(nodes) })
    }

    fn not(&mut self) -> Result<Node, FilterError> {
        if self.take_word("not") {
            return Ok(Node::Not(Box::new(self.deeper(Self::not)?)));
        }
        if *self.peek() == Token::Symbol("(") {
            self.take();
            let node = self.deeper(Self::or)?;
            self.take_symbol(")")?;
            return Ok(node);
        }
        self.comparison()
    }

    /// Reads what is within a bracket or behind a `not`.
    fn deeper(&mut self, read: fn(&mut Self) -> Result<Node, FilterError>) -> Result<Node, FilterError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(&format!("at most {MAX_DEPTH} brackets and \"not\" within each other")));
        }
        self.depth += 1;
        let node = read(self)?;
        self.depth -= 1;
        Ok(node)
    }

    fn comparison(&mut self) -> Result<Node, FilterError> {
        let field = match self.peek() {
            Token::Word(word) if self.own_fields.is_empty() && is_field(word) => word.clone(),
            Token::Word(word) if self.own_fields.contains(&word.as_str()) => word.clone(),
            _ if !self.own_fields.is_empty() => {
                return Err(self.error(&format!("one of {}", self.own_fields.join(", "))));
            }
            _ => return Err(self.error("a field such as item.abc, location.kind or source.id")),
        };
        self.take();
        let negated = self.take_word("not");
        if self.take_word("in") {
            self.take_symbol("[")?;
            let mut values = vec![self.value()?];
            while *self.peek() == Token::Symbol(",") {
                self.take();
                values.push(self.value()?);
            }
            self.take_symbol("]")?;
            let node = Node::In { field, values };
            return Ok(if negated { Node::Not(Box::new(node)) } else { node });
        }
        let operator = match self.peek() {
            Token::Symbol("==" | "=") if !negated => Operator::Equal,
            Token::Symbol("!=") if !negated => Operator::NotEqual,
            Token::Symbol("<") if !negated => Operator::Less,
            Token::Symbol("<=") if !negated => Operator::LessOrEqual,
            Token::Symbol(">") if !negated => Operator::Greater,
            Token::Symbol(">=") if !negated => Operator::GreaterOrEqual,
            _ => return Err(self.error("one of == != < <= > >= in")),
        };
        self.take();
        Ok(Node::Compare { field, operator, value: self.value()? })
    }

    fn value(&mut self) -> Result<Value, FilterError> {
        match self.peek() {
            Token::Text(_) | Token::Number(_) => match self.take() {
                Token::Text(text) => Ok(Value::Text(text)),
                Token::Number(number) => Ok(Value::Number(number)),
                _ => unreachable!("peeked"),
            },
            _ => Err(self.error("a value such as 'store' or 10")),
        }
    }
}

fn is_field(word: &str) -> bool {
    ["item.", "location.", "source."].iter().any(|prefix| word.len() > prefix.len() && word.starts_with(prefix))
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, FilterError> {
    const SYMBOLS: [&str; 12] = ["==", "!=", "<=", ">=", "<", ">", "=", "(", ")", "[", "]", ","];
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let start = at;
        let char = chars[at];
        if char.is_whitespace() {
            at += 1;
            continue;
        }
        let error = |got: String, expected: &str| FilterError {
            filter: text.to_owned(),
            got,
            at: start + 1,
            expected: expected.to_owned(),
        };
        let token = if char == '\'' || char == '"' {
            let end = (at + 1..chars.len()).find(|idx| chars[*idx] == char);
            let end = end.ok_or_else(|| error("an open quote".to_owned(), "a closing quote"))?;
            at = end + 1;
            Token::Text(chars[start + 1..end].iter().collect())
        } else if char.is_ascii_digit() || char == '-' || char == '.' {
            while at < chars.len() && (chars[at].is_ascii_digit() || matches!(chars[at], '.' | '-' | 'e')) {
                at += 1;
            }
            let digits: String = chars[start..at].iter().collect();
            Token::Number(digits.parse().map_err(|_| error(format!("{digits:?}"), "a number such as 0.5"))?)
        } else if char.is_alphabetic() || char == '_' {
            while at < chars.len() && (chars[at].is_alphanumeric() || matches!(chars[at], '.' | '_' | '-')) {
                at += 1;
            }
            Token::Word(chars[start..at].iter().collect())
        } else {
            let rest: String = chars[at..chars.len().min(at + 2)].iter().collect();
            match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => {
                    at += symbol.len();
                    Token::Symbol(symbol)
                }
                None => return Err(error(format!("{char:?}"), "a field, a value or a comparison")),
            }
        };
        tokens.push((start + 1, token));
    }
    tokens.push((chars.len() + 1, Token::End));
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(filter: &str) -> bool {
        let fields = |name: &str| match name {
            "item.abc" => Some("C".to_owned()),
            "item.price" => Some("9.5".to_owned()),
            "location.kind" => Some("store".to_owned()),
            _ => None,
        };
        Filter::parse(filter).unwrap().matches(&fields)
    }

    #[test]
    fn filters_hold_or_not() {
        assert!(holds("item.abc == 'C' and location.kind == 'store'"));
        assert!(!holds("item.abc == 'A' or location.kind == 'dc'"));
        assert!(holds("item.abc in ['A', 'C'] and not (location.kind == \"dc\")"));
        assert!(holds("item.price < 10 and item.price >= 9.5"));
        assert!(!holds("item.price not in [9.5]"));
        assert!(holds("item.brand == ''"), "a field without a value is empty");
        assert!(!holds("item.abc > 3"), "text is no number");
        // `and` binds tighter than `or`.
        assert!(holds("item.abc == 'C' or item.abc == 'A' and location.kind == 'dc'"));
    }

    #[test]
    fn errors_point_at_the_place() {
        insta::assert_snapshot!(Filter::parse("item.abc = C").unwrap_err(),
            @r#"filter "item.abc = C": got "C" at character 12, expected a value such as 'store' or 10"#);
        insta::assert_snapshot!(Filter::parse("abc == 'C'").unwrap_err(),
            @r#"filter "abc == 'C'": got "abc" at character 1, expected a field such as item.abc, location.kind or source.id"#);
        insta::assert_snapshot!(Filter::parse("item.abc == 'C").unwrap_err(),
            @r#"filter "item.abc == 'C": got an open quote at character 13, expected a closing quote"#);
        insta::assert_snapshot!(Filter::parse("item.abc == 'C' item.x == 1").unwrap_err(),
            @r#"filter "item.abc == 'C' item.x == 1": got "item.x" at character 17, expected "and", "or" or the end"#);
    }

    /// Filters come over HTTP, where a body has room for many brackets: they must not exhaust the stack.
    #[test]
    fn brackets_within_brackets_have_a_limit() {
        let nested = |open: &str, n: usize, close: &str| {
            Filter::parse(&format!("{}item.abc == 'C'{}", open.repeat(n), close.repeat(n)))
        };
        assert!(nested("(", MAX_DEPTH, ")").is_ok() && nested("not ", MAX_DEPTH, "").is_ok());
        assert!(nested("(", 100_000, ")").is_err() && nested("not ", 100_000, "").is_err());
        let error = nested("not (", MAX_DEPTH / 2 + 1, ")").unwrap_err();
        insta::assert_snapshot!(format!("got {} at character {}, expected {}", error.got, error.at, error.expected),
            @r#"got "(" at character 165, expected at most 64 brackets and "not" within each other"#);
        // Side by side they may be as many as one likes.
        let many = vec!["(item.abc == 'C')"; 1_000].join(" or ");
        assert!(Filter::parse(&many).is_ok());
    }
}
