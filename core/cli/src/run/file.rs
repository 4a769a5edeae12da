//! `tieline files`.

use std::path::{MAIN_SEPARATOR, PathBuf};

use tieline_model::{
    Command,
    command::{FileLease, FileLeases, FileRelease},
};

use crate::{
    args::{Files, FilesVerb, millis},
    context::Context,
    exit::Failed,
};

/// Runs it.
pub async fn run(context: &Context, args: Files) -> Result<(), Failed> {
    let command = match args.verb {
        FilesVerb::Lease(args) => Command::FileLease(FileLease {
            paths: args.paths.into_iter().map(here).collect::<Result<_, Failed>>()?,
            for_ms: args.span.map(millis),
            note: args.note,
            sender: args.sender,
        }),
        FilesVerb::Release(args) => Command::FileRelease(FileRelease {
            paths: args.paths.into_iter().map(here).collect::<Result<_, Failed>>()?,
            sender: args.sender,
        }),
        FilesVerb::List(args) => Command::FileLeases(FileLeases { circle: args.circle }),
    };
    context.out.reply(&context.call(&command).await?)
}

/// Returns what is meant by a path that was typed in this folder. A folder ends with a separator.
fn here(path: PathBuf) -> Result<String, Failed> {
    let whole = std::path::absolute(&path).map_err(|error| Failed::Input(format!("{}: {error}", path.display())))?;
    let is_folder = whole.is_dir();
    let mut text = whole
        .into_os_string()
        .into_string()
        .map_err(|path| Failed::Input(format!("{}: wanted a path in UTF-8", path.display())))?;
    if is_folder && !text.ends_with(MAIN_SEPARATOR) {
        text.push(MAIN_SEPARATOR);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_means_a_file_from_here_and_a_folder_is_known_by_its_end() {
        let own = std::env::current_dir().unwrap().display().to_string();
        assert_eq!(here("src".into()).unwrap(), format!("{own}/src/"));
        assert_eq!(here("src/none.rs".into()).unwrap(), format!("{own}/src/none.rs"));
        assert_eq!(here("/none/".into()).unwrap(), "/none/");
    }
}
