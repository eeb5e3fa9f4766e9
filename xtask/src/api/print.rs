//! Prints code on one line, spaced like rustfmt.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// The code of a part of an item.
pub(super) fn text(part: &impl ToTokens) -> String {
    let mut line = String::new();
    write(part.to_token_stream(), &mut line);
    let line = line.replace(" ,", ",").replace(",)", ")").replace(", )", ")").replace(", }", " }");
    line.trim().trim_end_matches(',').to_owned()
}

fn write(tokens: TokenStream, line: &mut String) {
    let mut is_joint = false;
    for token in tokens {
        let was_joint = std::mem::take(&mut is_joint);
        match token {
            TokenTree::Ident(ident) => word(&ident.to_string(), was_joint, line),
            TokenTree::Literal(literal) => word(&literal.to_string(), was_joint, line),
            TokenTree::Punct(mark) => {
                is_joint = mark.spacing() == Spacing::Joint;
                punctuate(mark.as_char(), was_joint, line);
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                line.push_str(open);
                write(group.stream(), line);
                let kept = line.trim_end().len();
                line.truncate(kept);
                line.push_str(close);
            }
        }
    }
}

/// A space separates a word from a preceding word or closing bracket.
fn word(word: &str, was_joint: bool, line: &mut String) {
    let last = line.chars().last();
    if !was_joint && last.is_some_and(|last| last.is_alphanumeric() || matches!(last, '_' | '>' | ')' | ']'))
    {
        line.push(' ');
    }
    line.push_str(word);
}

fn punctuate(mark: char, was_joint: bool, line: &mut String) {
    let is_after = |end: &str| line.ends_with(end);
    match mark {
        // The end of an arrow.
        '>' if was_joint && is_after("-") => {
            line.pop();
            line.push_str(" -> ");
        }
        ':' if was_joint && is_after(": ") => {
            line.truncate(line.len() - 2);
            line.push_str("::");
        }
        ':' | ',' => {
            line.push(mark);
            line.push(' ');
        }
        '+' | '=' => {
            line.push(' ');
            line.push(mark);
            line.push(' ');
        }
        '&' | '\'' if line.ends_with(|last: char| last.is_alphanumeric()) => {
            line.push(' ');
            line.push(mark);
        }
        _ => line.push(mark),
    }
}
