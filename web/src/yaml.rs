//! The keys, strings and comments of a YAML text, so that a page can colour them. It judges nothing: what it does not
//! know is plain.

/// A piece of a line and its class: `yk` a key, `ys` a string, `yc` a comment, nothing for the rest.
pub(crate) type Piece = (&'static str, String);

/// The pieces of each line.
pub(crate) fn lines(text: &str) -> Vec<Vec<Piece>> {
    // The column of the key whose block of text goes on, as after `run: |`.
    let mut block: Option<usize> = None;
    let mut all = Vec::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let within = block.is_some_and(|key| indent > key || line.trim().is_empty());
        if within {
            all.push(vec![("ys", line.to_owned())]);
            continue;
        }
        let (pieces, key) = pieces(line);
        let value = pieces.iter().rfind(|piece| piece.0 != "yc").map_or("", |it| it.1.trim());
        block = key.filter(|_| value.trim_start_matches([':', ' ']).starts_with(['|', '>']));
        all.push(pieces);
    }
    all
}

/// The pieces of one line, and the column of its last key.
fn pieces(line: &str) -> (Vec<Piece>, Option<usize>) {
    let (mut found, mut plain, mut key) = (Vec::new(), String::new(), None);
    let mut at = 0;
    while let Some(first) = line[at..].chars().next() {
        let fresh = at == 0 || line[..at].ends_with([' ', '{', '[', ',']);
        let end = match first {
            '#' if fresh => line.len(),
            '"' | '\'' if fresh => at + quoted(&line[at..], first),
            _ if fresh && !" {[,]}-&*!|>:".contains(first) => at + word(&line[at..]),
            _ => at + first.len_utf8(),
        };
        let is_key = end - at > 1 && first != '#' || fresh && first.is_alphanumeric();
        let is_key = is_key
            && line[end..].starts_with(':')
            && matches!(line[end + 1..].chars().next(), None | Some(' '));
        let class = match first {
            _ if is_key => "yk",
            '#' if fresh => "yc",
            '"' | '\'' if fresh => "ys",
            _ => "",
        };
        if is_key {
            key = Some(at);
        }
        if class.is_empty() {
            plain.push_str(&line[at..end]);
        } else {
            found.extend((!plain.is_empty()).then(|| ("", std::mem::take(&mut plain))));
            found.push((class, line[at..end].to_owned()));
        }
        at = end;
    }
    found.extend((!plain.is_empty()).then_some(("", plain)));
    (found, key)
}

/// How long a quoted string is that begins here; one that does not end goes to the end of its line.
fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        let escapes = match quote {
            '"' => c == '\\',
            _ => c == quote && chars.peek().is_some_and(|next| next.1 == quote),
        };
        if escapes {
            chars.next();
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

/// How long a plain word is: up to what ends a key or a value of a list, or to a space.
fn word(text: &str) -> usize {
    let ends = |(at, c): &(usize, char)| match c {
        ' ' | ',' | ']' | '}' => true,
        ':' => matches!(text[at + 1..].chars().next(), None | Some(' ')),
        _ => false,
    };
    text.char_indices().find(ends).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str) -> String {
        let piece = |(class, text): &Piece| match *class {
            "" => text.clone(),
            class => format!("<{}:{text}>", &class[1..]),
        };
        let line = |pieces: &Vec<Piece>| pieces.iter().map(piece).collect::<String>();
        lines(text).iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn keys_strings_and_comments_are_told_apart() {
        for (text, expected) in [
            ("id: sales", "<k:id>: sales"),
            ("  - id: a # first", "  - <k:id>: a <c:# first>"),
            ("at: \"06:30\"", "<k:at>: <s:\"06:30\">"),
            ("'a b': 'it''s'", "<k:'a b'>: <s:'it''s'>"),
            ("x: {a: 1, b: \"c: \\\" d\"}", "<k:x>: {<k:a>: 1, <k:b>: <s:\"c: \\\" d\">}"),
            ("url: http://x#y", "<k:url>: http://x#y"),
            ("run: echo it's", "<k:run>: echo it's"),
            (
                "  - run: |\n      id: \"x\"\n\n  - id: b",
                "  - <k:run>: |\n<s:      id: \"x\">\n<s:>\n  - <k:id>: b",
            ),
            ("é: \"ü", "<k:é>: <s:\"ü>"),
            ("", ""),
        ] {
            assert_eq!(marked(text), expected, "{text}");
        }
    }

    #[test]
    fn no_character_is_lost() {
        for text in ["a: [1, {b: 'c'}] #d", "::: - \"", "- - ? x : y", "\t\"\u{1F319}\": #", "k:v", "#"] {
            let whole: Vec<String> =
                lines(text).iter().map(|pieces| pieces.iter().map(|it| it.1.as_str()).collect()).collect();
            assert_eq!(whole.join("\n"), text);
        }
    }
}
