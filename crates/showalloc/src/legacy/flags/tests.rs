//! What Go's `flag` package makes of arguments, as it was seen to do with Go 1.26.

use super::*;

const FLAGS: [Flag; 4] = [
    Flag { name: "6", takes: Takes::Switch, help: "" },
    Flag { name: "a", takes: Takes::Switch, help: "" },
    Flag { name: "dnet", takes: Takes::Text(""), help: "" },
    Flag { name: "n", takes: Takes::Text("default"), help: "" },
];

/// The flags that were given, as `name=value`.
fn read(arguments: &str) -> Result<String, String> {
    let arguments: Vec<OsString> = arguments.split_terminator(' ').map(OsString::from).collect();
    let spell = |given: Given| match given.value {
        Value::Switch(is_on) => format!("{}={is_on}", given.name),
        Value::Text(text) => format!("{}={}", given.name, text.to_string_lossy()),
    };
    let given = parse(&FLAGS, &arguments).map_err(|error| error.to_string())?;
    Ok(given.into_iter().map(spell).collect::<Vec<_>>().join(" "))
}

#[test]
fn one_dash_or_two_and_a_value_after_a_space_or_an_equals_sign_are_the_same() {
    for spelling in ["-dnet x", "--dnet x", "-dnet=x", "--dnet=x"] {
        assert_eq!(read(spelling).as_deref(), Ok("dnet=x"), "{spelling}");
    }
}

#[test]
fn a_value_may_be_empty_hold_equals_signs_or_look_like_a_flag() {
    assert_eq!(read("-dnet= -a").as_deref(), Ok("dnet= a=true"));
    assert_eq!(read("-dnet=a=b").as_deref(), Ok("dnet=a=b"));
    assert_eq!(read("-dnet -a").as_deref(), Ok("dnet=-a"));
    assert_eq!(read("-dnet -- -a").as_deref(), Ok("dnet=-- a=true"));
}

#[test]
fn a_switch_takes_no_word_after_it_and_six_words_for_each_value_beside_it() {
    assert_eq!(read("-a -6").as_deref(), Ok("a=true 6=true"));
    for word in ["1", "t", "T", "TRUE", "true", "True"] {
        assert_eq!(read(&format!("-a={word}")).as_deref(), Ok("a=true"), "{word}");
    }
    for word in ["0", "f", "F", "FALSE", "false", "False"] {
        assert_eq!(read(&format!("--a={word}")).as_deref(), Ok("a=false"), "{word}");
    }
}

#[test]
fn flags_end_at_the_first_word_that_is_none_and_at_two_dashes() {
    assert_eq!(read("-a foo -n x").as_deref(), Ok("a=true"));
    assert_eq!(read("-a false -n x").as_deref(), Ok("a=true"));
    assert_eq!(read("-a -- -n x").as_deref(), Ok("a=true"));
    assert_eq!(read("-a - -n x").as_deref(), Ok("a=true"));
    assert_eq!(read("").as_deref(), Ok(""));
}

#[test]
fn a_flag_that_is_given_twice_is_there_twice_in_order() {
    assert_eq!(read("-n x --n=y").as_deref(), Ok("n=x n=y"));
}

#[test]
fn what_go_refuses_is_refused_in_its_words() {
    let cases = [
        ("-x", "flag provided but not defined: -x"),
        ("--x=1", "flag provided but not defined: -x"),
        ("-a -n x --foo", "flag provided but not defined: -foo"),
        ("-A", "flag provided but not defined: -A"),
        ("-n", "flag needs an argument: -n"),
        ("--dnet", "flag needs an argument: -dnet"),
        ("-a=x", "invalid boolean value \"x\" for -a: parse error"),
        ("-6=", "invalid boolean value \"\" for -6: parse error"),
        ("--a=yes", "invalid boolean value \"yes\" for -a: parse error"),
        ("---a", "bad flag syntax: ---a"),
        ("-=a", "bad flag syntax: -=a"),
        ("--=a", "bad flag syntax: --=a"),
    ];
    for (arguments, refusal) in cases {
        assert_eq!(read(arguments), Err(refusal.to_owned()), "{arguments}");
    }
}

#[test]
fn help_is_whatever_comes_first_of_it_and_of_what_is_wrong() {
    for arguments in ["-h", "--h", "-help", "--help", "-h=x", "-a -help=1", "-h -x"] {
        assert_eq!(read(arguments), Err(FlagError::Help.to_string()), "{arguments}");
    }
    assert_eq!(read("-x -h"), Err("flag provided but not defined: -x".to_owned()));
}

#[cfg(unix)]
#[test]
fn a_value_after_its_flag_need_not_be_unicode() {
    use std::os::unix::ffi::OsStringExt;
    let path = OsString::from_vec(b"/tmp/\xff".to_vec());
    let given = parse(&FLAGS, &["-dnet".into(), path.clone()]).expect("it is a value");
    assert_eq!(given, [Given { name: "dnet", value: Value::Text(path) }]);
}
