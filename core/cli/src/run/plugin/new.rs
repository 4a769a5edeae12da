//! `tieline plugin new`: writes the crate of a transport that works, for its author to go on from.

use std::{
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::{args::New, context::Context, exit::Failed};

/// Each file of the crate, and what it is made of.
const FILES: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.in")),
    ("README.md", include_str!("template/README.md.in")),
    ("src/lib.rs", include_str!("template/lib.rs.in")),
    ("tests/conformance.rs", include_str!("template/conformance.rs.in")),
];

/// The SDK among the sources that this program was built from.
const OWN_SDK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins-sdk");
/// The package of the SDK.
const SDK: &str = "tieline-plugin-sdk";
/// Names of crates and words of Rust that a library cannot have.
const TAKEN: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "serde",
    "serde-json",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "tieline",
    SDK,
    "tracing",
    "trait",
    "true",
    "trust",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "websocket",
    "where",
    "while",
    "yield",
];

/// Where the SDK comes from.
enum Sdk {
    /// Sources on this machine.
    Folder(PathBuf),
    /// The package registry.
    Published,
}

/// Runs it.
pub fn run(context: &Context, args: New) -> Result<(), Failed> {
    check_name(&args.name)?;
    let sdk = match &args.sdk {
        Some(folder) => Sdk::Folder(sdk_in(folder)?),
        None => sdk_in(Path::new(OWN_SDK)).map_or(Sdk::Published, Sdk::Folder),
    };
    let folder = std::env::current_dir()?.join(&args.name);
    write(&folder, &args.name, &sdk)?;
    if context.out.json {
        return context.out.json(&json!({ "written": folder, "files": FILES.map(|(name, _)| name) }));
    }
    let built = built(&args.name);
    let plugins = context.home.plugins_dir();
    context.out.text(&format!(
        "wrote {}\n\n  cd {}\n  cargo test\n  cargo build\n  cp {built} {}/\n  tieline plugins trust {}",
        folder.display(),
        args.name,
        plugins.display(),
        args.name
    ))?;
    if matches!(sdk, Sdk::Published) {
        context.out.note(&format!("it uses the published {SDK}; name a folder of its sources with --sdk to use those"));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Failed> {
    let wanted = "wanted 1 to 64 lower-case letters, digits and single `-`, beginning with a letter";
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    let has_form = begins && name.len() <= 64 && name.chars().all(is_plain);
    let wrong = if !has_form || name.contains("--") || name.ends_with('-') {
        wanted
    } else if TAKEN.contains(&name) {
        "that is a word of Rust, or another crate's or plugin's name; wanted one of your own"
    } else {
        return Ok(());
    };
    Err(Failed::Input(format!("`{}` cannot be the name of a plugin: {wrong}", tieline_model::text::printable(name))))
}

/// Returns the folder of the SDK's sources as a whole path, if that is what it is.
fn sdk_in(folder: &Path) -> Result<PathBuf, Failed> {
    let shown = folder.display();
    let wrong = |what: String| Failed::Input(format!("{shown} is not the folder of {SDK}: {what}"));
    let manifest = folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).map_err(|error| wrong(format!("{}: {error}", manifest.display())))?;
    if !text.lines().any(|line| line.trim() == format!("name = \"{SDK}\"")) {
        return Err(wrong(format!("{} names another package", manifest.display())));
    }
    folder.canonicalize().map_err(|error| wrong(error.to_string()))
}

fn write(folder: &Path, name: &str, sdk: &Sdk) -> Result<(), Failed> {
    let failed = |path: &Path, error: io::Error| {
        let what = match error.kind() {
            io::ErrorKind::AlreadyExists => "it is there already; nothing was changed".to_owned(),
            _ => error.to_string(),
        };
        Failed::Input(format!("failed to make {}: {what}", path.display()))
    };
    fs::create_dir(folder).map_err(|error| failed(folder, error))?;
    for (file, template) in FILES {
        let path = folder.join(file);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        fs::write(&path, filled(template, name, sdk)).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

fn filled(template: &str, name: &str, sdk: &Sdk) -> String {
    let (dependency, note) = match sdk {
        Sdk::Folder(folder) => {
            let folder = folder.display().to_string();
            let note = format!(
                "The SDK is not published yet: `Cargo.toml` names the folder of its sources on this machine, `{folder}`."
            );
            // A TOML string takes the escapes of a JSON string.
            (format!("{{ path = {} }}", json!(folder)), note)
        }
        Sdk::Published => (
            format!("\"{}\"", env!("CARGO_PKG_VERSION")),
            format!(
                "`Cargo.toml` asks the package registry for `{SDK}`. If it is not published there yet, name the folder of \
                 its sources instead: `{SDK} = {{ path = \"…/plugins-sdk\" }}`."
            ),
        ),
    };
    let values = [
        ("{{name}}", name.to_owned()),
        ("{{type}}", type_name(name)),
        ("{{lib}}", name.replace('-', "_")),
        ("{{built}}", built(name)),
        ("{{sdk}}", dependency),
        ("{{sdk_note}}", note),
    ];
    values.iter().fold(template.to_owned(), |text, (place, value)| text.replace(place, value))
}

fn type_name(name: &str) -> String {
    let capital = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    };
    name.split('-').map(capital).collect()
}

fn built(name: &str) -> String {
    format!("target/debug/{DLL_PREFIX}{}{DLL_SUFFIX}", name.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cargo_or_the_daemon_would_not_take_are_refused_with_what_was_wanted() {
        for wrong in ["", "Slack", "1st", "-a", "a-", "a--b", "a_b", "a/b", "../a", "größe", &"a".repeat(65)] {
            let error = check_name(wrong).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("lower-case letters"), "{error}");
        }
        for taken in ["match", "std", "websocket", "tieline-plugin-sdk"] {
            assert!(check_name(taken).unwrap_err().to_string().contains("one of your own"));
        }
        assert!(TAKEN.is_sorted() && check_name("my-transport2").is_ok());
    }

    #[test]
    fn every_place_is_filled_and_a_path_is_one_string() {
        for sdk in [Sdk::Folder(PathBuf::from("/odd \"place\"/plugins-sdk")), Sdk::Published] {
            for (file, template) in FILES {
                let text = filled(template, "my-transport", &sdk);
                let places = text.match_indices("{{").filter(|(at, _)| text[at + 2..].starts_with(char::is_alphabetic));
                assert_eq!(places.count(), 0, "{file}: {text}");
            }
        }
        let sdk = Sdk::Folder(PathBuf::from("/odd \"place\"/plugins-sdk"));
        let manifest = filled(FILES[0].1, "my-transport", &sdk);
        assert!(manifest.contains(r#"tieline-plugin-sdk = { path = "/odd \"place\"/plugins-sdk" }"#), "{manifest}");
        assert!(filled(FILES[1].1, "x", &Sdk::Published).contains("not published there yet"));
        assert!(filled(FILES[2].1, "my-transport", &sdk).contains("pub struct MyTransport {"));
    }

    #[test]
    fn a_folder_that_is_there_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("mine");
        write(&folder, "mine", &Sdk::Published).unwrap();
        fs::write(folder.join("src/lib.rs"), "changed").unwrap();
        let error = write(&folder, "mine", &Sdk::Published).unwrap_err().to_string();
        assert!(error.contains("is there already"), "{error}");
        assert_eq!(fs::read_to_string(folder.join("src/lib.rs")).unwrap(), "changed");
    }

    #[test]
    fn only_the_folder_of_the_sdk_is_taken_for_it() {
        assert!(sdk_in(Path::new(OWN_SDK)).unwrap().is_absolute());
        assert!(sdk_in(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap_err().to_string().contains("another package"));
        assert!(sdk_in(Path::new("/nowhere")).is_err());
    }
}
