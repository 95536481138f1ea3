//! PEM files as common tools write them.

use flynn_tls::generate::Ca;
use flynn_tls::{Bundle, Pin, PrivateKey};

fn quote(text: &str, mark: &str) -> String {
    text.lines().flat_map(|line| [mark, line, "\n"]).collect()
}

/// Two certificates, the first of which has a fault that common tools introduce:
/// the pin is the first one's or there is none, and the message names the line.
#[test]
fn the_pin_is_that_of_the_first_certificate_or_of_none() {
    let ca = Ca::new("x").unwrap();
    let [first, second] = [ca.issue(&["a"]).unwrap(), ca.issue(&["b"]).unwrap()];
    let (good, other) = (first.certificate_pem(), second.certificate_pem());
    let body: Vec<&str> = good.lines().collect();
    let quoted = |mark: &str| quote(&good, mark);
    let wrapped = |width: usize| {
        let data = body[1..body.len() - 1].concat();
        let lines: Vec<_> =
            data.as_bytes().chunks(width).map(|c| str::from_utf8(c).unwrap()).collect();
        format!("{}\n{}\n{}\n", body[0], lines.join("\n"), body[body.len() - 1])
    };
    let begin = "-----BEGIN CERTIFICATE-----";
    for (name, text, line) in [
        ("a byte order mark", format!("\u{feff}{good}"), 0),
        ("two byte order marks", format!("\u{feff}\u{feff}{good}"), 2),
        ("quoted", quoted("> "), 2),
        ("quoted twice", quoted(">> "), 2),
        ("a comment", quoted("# "), 2),
        ("a list", quoted("- "), 2),
        ("quoted, narrow", quote(&wrapped(20), "> "), 2),
        ("narrow lines", wrapped(20), 0),
        ("wide lines", wrapped(2000), 0),
        ("no line break after BEGIN", good.replacen("-----\n", "-----", 1), 2),
        ("a blank instead", good.replacen("-----\n", "----- ", 1), 2),
        ("one line", good.replace('\n', "") + "\n", 2),
        ("written as \\n", good.replace('\n', "\\n") + "\n", 2),
        ("JSON", format!("\"cert\": \"{}\",\n", good.replace('\n', "\\n")), 2),
        ("YAML", format!("cert: {good}"), 2),
        ("four dashes", good.replace("-----", "----"), 2),
        ("six dashes", good.replace("-----BEGIN", "------BEGIN"), 2),
        ("long dashes", good.replace("-----", "\u{2014}\u{2014}"), 2),
        ("no dashes", good.replace("-----", ""), 2),
        ("small letters", good.replace(begin, &begin.to_lowercase()), 2),
        ("a blank line in a quotation", quoted("> ").replacen("-----\n", "-----\n>\n", 1), 2),
        ("an unknown label", good.replace("CERTIFICATE", "CERT"), 2),
        ("another unknown label", good.replace("CERTIFICATE", "LEAF"), 2),
        (
            "no label",
            good.replace("BEGIN CERTIFICATE", "BEGIN ").replace("END CERTIFICATE", "END "),
            2,
        ),
        ("no END", body[..body.len() - 1].join("\n") + "\n", 2),
        ("another END", good.replace("END CERTIFICATE", "END X"), 2),
        ("glued to the next", good.trim_end().to_owned(), 2),
        ("a mark behind END", good.replace("END CERTIFICATE-----", "END CERTIFICATE-----,"), 2),
        ("no data", format!("{begin}\n-----END CERTIFICATE-----\n"), 2),
        ("half of it", format!("{}\n{}\n-----END CERTIFICATE-----\n", begin, body[1]), 2),
        ("indented", quoted("    "), 0),
        ("tabs", quoted("\t"), 0),
    ] {
        for before in ["", "some text\n"] {
            let file = format!("{before}{text}{other}");
            let shift = usize::from(!before.is_empty());
            match Pin::from_pem(&file) {
                Ok(pin) => assert_eq!(pin, first.pin(), "{name}: the pin of another certificate"),
                Err(e) => {
                    let lines = (1..=file.lines().count()).filter(|n| {
                        e.to_string().contains(&format!("line {n} "))
                            || e.to_string().contains(&format!("line {n}:"))
                            || e.to_string().ends_with(&format!("line {n}"))
                    });
                    assert!(lines.count() > 0, "{name}: {e} names no line");
                    if line != 2 {
                        assert!(shift == 1 && name.contains("byte order"), "{name}: {e}");
                    }
                }
            }
            let bundle = Bundle::from_pem(&file).map(|b| b.certificates()[0].pin()).ok();
            assert_eq!(bundle, Pin::from_pem(&file).ok(), "{name}");
        }
    }
}

/// Lines that only resemble the beginning of a block are text.
#[test]
fn prose_about_blocks_is_no_block() {
    let issued = Ca::new("x").unwrap().issue(&["a"]).unwrap();
    for text in [
        "Paste everything from -----BEGIN CERTIFICATE----- to the end.\n",
        "we begin with the certificate:\n",
        "BEGIN HERE\n",
        "# -----BEGIN CERTIFICATE----- follows\n\n",
        "Bag Attributes\n    localKeyID: 01 02\nsubject=CN = x\n",
        "G\u{fc}ltig bis M\u{e4}rz\n",
    ] {
        let pem = issued.certificate_pem();
        // Latin-1, and UTF-8.
        let latin1: Vec<u8> = text.chars().map(|c| c as u8).chain(pem.bytes()).collect();
        for file in [latin1, format!("{text}{pem}{text}").into_bytes()] {
            assert_eq!(Pin::from_pem(&file).unwrap(), issued.pin(), "{text}");
            let key =
                [text.chars().map(|c| c as u8).collect(), issued.key_pem().into_bytes()].concat();
            assert_eq!(PrivateKey::from_pem(key).unwrap().secret_pem(), issued.key_pem());
        }
    }
}

/// A key that was read and written stays the same, even if its curve's parameters are damaged.
#[test]
fn damaged_parameters_do_not_change_a_key() {
    // SEC1: version 1, a scalar of one byte, and parameters that are not DER.
    let sec1 = [0x30, 11, 2, 1, 1, 4, 1, 7, 0xa0, 3, 0xff, 0xff, 0xff];
    let key = PrivateKey::from_der(&sec1).unwrap();
    let again = PrivateKey::from_pem(key.secret_pem()).unwrap();
    assert_eq!(again.secret_der(), key.secret_der());
}
