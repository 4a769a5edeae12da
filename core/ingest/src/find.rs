//! Where agent programs keep their transcripts.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::Vendor;

/// The places that a person's environment names.
#[derive(Debug, Clone, Default)]
pub struct Home {
    /// The home directory.
    pub home: Option<PathBuf>,
    /// `CLAUDE_CONFIG_DIR`.
    pub claude: Option<PathBuf>,
    /// `CODEX_HOME`.
    pub codex: Option<PathBuf>,
}

impl Home {
    /// Returns the folder with a vendor's transcripts, if the environment tells where it is.
    pub fn folder(&self, vendor: Vendor) -> Option<PathBuf> {
        let below = |own: &Option<PathBuf>, usual: &str| {
            own.clone().or_else(|| self.home.as_ref().map(|home| home.join(usual)))
        };
        match vendor {
            Vendor::Claude => below(&self.claude, ".claude").map(|folder| folder.join("projects")),
            Vendor::Codex => below(&self.codex, ".codex").map(|folder| folder.join("sessions")),
        }
    }
}

/// Finds the transcripts of a vendor in a folder and all below it, by name; a file is taken as it is.
///
/// # Errors
/// When the place cannot be read. What cannot be read below it is left out.
pub fn find(vendor: Vendor, place: &Path) -> io::Result<Vec<PathBuf>> {
    if fs::metadata(place)?.is_file() {
        return Ok(vec![place.to_owned()]);
    }
    let mut found = Vec::new();
    let mut folders = vec![place.to_owned()];
    let mut is_first = true;
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if is_first => return Err(error),
            Err(_) => continue,
        };
        is_first = false;
        for entry in entries.filter_map(Result::ok) {
            let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && is_transcript(vendor, &path) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_transcript(vendor: Vendor, path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match vendor {
        // Subagents have files of their own in newer releases, named after them; they are sessions, too.
        Vendor::Claude => name.ends_with(".jsonl"),
        Vendor::Codex => name.starts_with("rollout-") && name.ends_with(".jsonl"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcripts_are_found_below_a_folder_and_other_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let day = folder.path().join("2026/11/27");
        fs::create_dir_all(&day).unwrap();
        for name in ["rollout-1.jsonl", "rollout-2.jsonl", "history.jsonl", "notes.txt"] {
            fs::write(day.join(name), "").unwrap();
        }
        assert_eq!(
            find(Vendor::Codex, folder.path()).unwrap(),
            [day.join("rollout-1.jsonl"), day.join("rollout-2.jsonl")]
        );
        assert_eq!(find(Vendor::Claude, folder.path()).unwrap().len(), 3);
        let one = day.join("notes.txt");
        assert_eq!(find(Vendor::Codex, &one).unwrap(), std::slice::from_ref(&one));
        assert!(find(Vendor::Codex, &folder.path().join("nowhere")).is_err());
    }

    #[test]
    fn the_environment_tells_where_to_look() {
        let home = Home { home: Some("/home/me".into()), claude: None, codex: Some("/data/codex".into()) };
        assert_eq!(home.folder(Vendor::Claude), Some("/home/me/.claude/projects".into()));
        assert_eq!(home.folder(Vendor::Codex), Some("/data/codex/sessions".into()));
        assert_eq!(Home::default().folder(Vendor::Claude), None);
    }
}
