//! Which token to speak with.

use std::path::{Path, PathBuf};

use tieline_config::Home;

use crate::exit::Failed;

/// A token's secret. It is never shown.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text of a token.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// Returns the value of the `Authorization` header.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

/// Where a token may be named, most telling first.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// `--token-file`.
    pub flag: Option<PathBuf>,
    /// `TIELINE_TOKEN`.
    pub token: Option<String>,
    /// `TIELINE_TOKEN_FILE`.
    pub file: Option<PathBuf>,
}

impl Sources {
    /// Reads the environment's part.
    pub fn new(flag: Option<PathBuf>, env: &[(String, String)]) -> Self {
        let find = |name: &str| env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        Self { flag, token: find("TIELINE_TOKEN"), file: find("TIELINE_TOKEN_FILE").map(PathBuf::from) }
    }

    /// Tells whether no token was named, so that the home's own is meant.
    pub fn is_default(&self) -> bool {
        self.flag.is_none() && self.token.is_none() && self.file.is_none()
    }

    /// Says where the token comes from, for people.
    pub fn describe(&self, home: &Home, kind: &str) -> String {
        match (&self.flag, &self.token, &self.file) {
            (Some(path), _, _) => format!("{} (--token-file)", path.display()),
            (_, Some(_), _) => "TIELINE_TOKEN".into(),
            (_, _, Some(path)) => format!("{} (TIELINE_TOKEN_FILE)", path.display()),
            _ => home.token_file(kind).display().to_string(),
        }
    }

    /// Returns the file that the token is in, unless the environment has the token itself.
    pub fn file(&self, home: &Home, kind: &str) -> Option<PathBuf> {
        match (&self.flag, &self.token, &self.file) {
            (Some(path), _, _) | (None, None, Some(path)) => Some(path.clone()),
            (None, Some(_), _) => None,
            _ => Some(home.token_file(kind)),
        }
    }

    /// Reads the token; by default that of the home's first principal of `kind`.
    pub fn read(&self, home: &Home, kind: &str) -> Result<Secret, Failed> {
        match (&self.flag, &self.token, &self.file) {
            (Some(path), _, _) => from_file(path, "--token-file"),
            (_, Some(token), _) if token.trim().is_empty() => {
                Err(Failed::NoToken("TIELINE_TOKEN is empty; wanted a token, or unset it".into()))
            }
            (_, Some(token), _) => Ok(Secret::new(token)),
            (_, _, Some(path)) => from_file(path, "TIELINE_TOKEN_FILE"),
            _ => from_file(&home.token_file(kind), "the default"),
        }
    }
}

fn from_file(path: &Path, named_by: &str) -> Result<Secret, Failed> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let start = "The daemon writes its first tokens when it starts for the first time";
        Failed::NoToken(match error.kind() {
            std::io::ErrorKind::NotFound if named_by == "the default" => {
                format!("there is no token at {shown}. {start}: `tieline serve`. Or name one with --token-file")
            }
            _ => format!("failed to read the token at {shown} ({named_by}): {error}"),
        })
    })?;
    match text.trim() {
        "" => Err(Failed::NoToken(format!("the token file {shown} ({named_by}) is empty"))),
        token if token.contains(char::is_whitespace) || !token.is_ascii() => {
            Err(Failed::NoToken(format!("{shown} ({named_by}) holds more than one word; wanted one token")))
        }
        token => Ok(Secret::new(token)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sources: &Sources, home: &Home) -> Result<String, String> {
        sources.read(home, "human").map(|secret| secret.bearer()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_flag_goes_before_the_environment_and_that_before_the_home() {
        let root = tempfile::tempdir().unwrap();
        let home = Home::at(root.path());
        home.create().unwrap();
        let file = root.path().join("mine");
        std::fs::write(&file, "flagged\n").unwrap();
        std::fs::write(home.token_file("human"), "homely\n").unwrap();

        let mut sources = Sources { flag: Some(file.clone()), token: Some("given".into()), file: Some(file) };
        assert_eq!(read(&sources, &home).unwrap(), "Bearer flagged");
        sources.flag = None;
        assert_eq!(read(&sources, &home).unwrap(), "Bearer given");
        sources.token = None;
        assert_eq!(read(&sources, &home).unwrap(), "Bearer flagged");
        assert_eq!(read(&Sources::default(), &home).unwrap(), "Bearer homely");
    }

    #[test]
    fn a_missing_or_wrong_file_is_told_with_its_path_and_never_with_its_content() {
        let root = tempfile::tempdir().unwrap();
        let home = Home::at(root.path());
        let missing = read(&Sources::default(), &home).unwrap_err();
        assert!(missing.contains("human.token") && missing.contains("tieline serve"), "{missing}");

        let file = root.path().join("odd");
        std::fs::write(&file, "two words").unwrap();
        let odd = read(&Sources { flag: Some(file), ..Sources::default() }, &home).unwrap_err();
        assert!(odd.contains("odd") && !odd.contains("words;") && !odd.contains("two"), "{odd}");
    }
}
