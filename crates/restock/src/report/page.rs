//! The frame of every HTML page: one file, no network, light and dark, any width.

use restock_core::settings::Lang;
use serde::Serialize;

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// Text made safe for HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A page with its data for the script.
pub(crate) fn shell(lang: Lang, title: &str, body: &str, data: &impl Serialize) -> String {
    let lang = match lang {
        Lang::En => "en",
        Lang::ZhCn => "zh-CN",
    };
    // A `<` inside JSON can end the script element early, so it is written as an escape.
    let data = serde_json::to_string(data).expect("page data is plain data").replace('<', "\\u003c");
    format!(
        "<!doctype html>\n<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n{body}\n<script type=\"application/json\" id=\"data\">{data}</script>\n<script>\n{SCRIPT}</script>\n\
         </body>\n</html>\n",
        escape(title)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_text_cannot_break_out() {
        let page = shell(Lang::En, "<b>", "", &serde_json::json!({"name": "</script><script>alert(1)</script>"}));
        assert!(page.contains("<title>&lt;b&gt;</title>"));
        assert_eq!(page.matches("</script>").count(), 2, "only the page's own scripts end");
    }
}
