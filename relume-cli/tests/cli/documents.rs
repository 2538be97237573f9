//! The documents keep their word: every command in them runs, every link leads somewhere, every
//! picture is small and has words for those who do not see it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{folder, picture, relume};

/// Commands that are not run, by a part of theirs, and why not.
const NOT_RUN: &[(&str, &str)] = &[
    ("cargo ", "compiles the workspace, as CI does"),
    ("./target/release/", "wants a release build"),
    ("docker ", "wants a container"),
    ("make ", "part of CI, or wants tools of its own"),
    ("python ", "measures, or compares with runtimes that are not installed"),
    ("NAME", "the name stands for another"),
    ("FILE", "the name stands for another"),
    (" DIR", "the name stands for another"),
    ("relume video", "needs FFmpeg and a clip; relume-cli/tests/video has both"),
    ("restored.mp4", "needs FFmpeg and two clips; relume-cli/tests/video has such"),
    ("relume frame", "needs FFmpeg and a clip; relume-cli/tests/video has both"),
    ("run video-night", "needs FFmpeg and a clip; relume-cli/tests/video has both"),
    ("relume serve", "runs until it is stopped; tests/cli/serve has servers of its own"),
    ("pip ", "installs; relume-py/check.sh does it in an environment of its own"),
    ("s3://", "needs a store; relume-py/tests/test_cloud.py has one"),
    ("nats", "needs a server of NATS; relume-py/tests/test_queue.py has one"),
    ("sbatch ", "needs Slurm; relume-py/tests/test_integrations.py runs the script as Slurm does"),
    ("kubectl ", "needs Kubernetes"),
    ("curl ", "asks a server; tests/cli/serve has servers of its own"),
    ("hf:ORG", "asks a server; tests/cli/pull.rs has one of its own"),
    ("https://", "asks a server; tests/cli/pull.rs has one of its own"),
    ("Epoch99.pth", "a file of others; tests/cli/models.rs imports files of that kind"),
    ("zero-dce-light", "a file of others; tests/cli/models.rs imports files of that kind"),
    ("weights.pth", "a file of others; tests/cli/models.rs imports files of that kind"),
    (".pt --as alen", "a file of others; tests/cli/alen.rs imports such files"),
    ("--model alen ", "needs weights that are not in the program; see tests/cli/alen.rs"),
    ("--model mirnet", "needs weights that are not in the program; see tests/cli/mirnet.rs"),
    ("--weights mine.", "needs weights that are not in the program; see tests/cli/models.rs"),
    ("relume-train/recipes/", "trains for hours; relume-train reads every recipe in its tests"),
    ("--device wgpu", "needs a graphics driver; `make gpu` runs it"),
    ("evening.toml", "the reader's own file; relume/tests/workflows.rs runs such files"),
    ("--how autoexposure", "needs scene-linear pictures; see relume-train/tests/datasets.rs"),
    ("--how event", "needs photographs of 704×400 pixels; see relume-train/tests/datasets.rs"),
    ("runs/mine/", "needs a run of hours"),
    ("glow", "the model is made while following docs/adding-a-model.md"),
    ("peak_error", "the metric is made while following docs/adding-a-metric.md"),
    ("night_day", "the kind is made while following docs/adding-a-dataset.md"),
];

#[test]
fn the_commands_of_the_guide_run() {
    run_commands(&documents("docs/guide/src"));
}

#[test]
fn the_commands_of_the_readme_run() {
    run_commands(&[root().join("README.md")]);
}

#[test]
fn the_commands_of_the_other_documents_run() {
    run_commands(&[documents("docs/models"), documents("docs")].concat());
}

#[test]
fn every_reason_for_not_running_is_in_use() {
    let commands: Vec<_> = all_documents().iter().flat_map(|file| commands(file)).collect();
    for (part, reason) in NOT_RUN {
        assert!(commands.iter().any(|c| c.contains(part)), "no command with {part:?}: {reason}");
    }
    assert!(commands.len() > 80, "{}", commands.len());
}

#[test]
fn links_lead_somewhere_and_pictures_are_small_and_described() {
    let mut wrong = Vec::new();
    for file in all_documents() {
        let text = fs::read_to_string(&file).unwrap();
        for (is_picture, words, address) in links(&text) {
            if address.starts_with("http") {
                continue;
            }
            let (path, part) = address.split_once('#').unwrap_or((&address, ""));
            let target = match path {
                "" => file.clone(),
                path => file.parent().unwrap().join(path),
            };
            let name = format!("{}: {address}", file.display());
            match fs::read(&target) {
                _ if target.is_dir() => {}
                Err(error) => wrong.push(format!("{name}: {error}")),
                Ok(bytes) if is_picture => {
                    if bytes.len() > 150_000 {
                        wrong.push(format!("{name}: {} bytes", bytes.len()));
                    }
                    if words.len() < 20 {
                        wrong.push(format!("{name}: says only {words:?}"));
                    }
                }
                Ok(bytes) if !part.is_empty() => {
                    if !headings(&String::from_utf8_lossy(&bytes)).contains(part) {
                        wrong.push(format!("{name}: no such heading"));
                    }
                }
                Ok(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_source_of_the_guide_is_listed_and_used() {
    let guide = root().join("docs/guide/src");
    let sources = fs::read_to_string(guide.join("sources.md")).unwrap();
    let listed: BTreeSet<_> = sources
        .lines()
        .filter(|line| line.starts_with("| ["))
        .flat_map(|line| keys(line.split('|').nth(1).unwrap()))
        .collect();
    let used: BTreeSet<_> = documents("docs/guide/src")
        .iter()
        .filter(|file| !file.ends_with("sources.md") && !file.ends_with("SUMMARY.md"))
        .flat_map(|file| keys(&fs::read_to_string(file).unwrap()))
        .collect();
    assert_eq!(used, listed);
}

/// Words in brackets that are neither links nor code.
fn keys(text: &str) -> Vec<String> {
    let prose: String = text.split('`').step_by(2).collect();
    let mut found = Vec::new();
    for part in prose.split('[').skip(1) {
        let Some((key, after)) = part.split_once(']') else { continue };
        let is_key = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if is_key && !key.is_empty() && !after.starts_with('(') {
            found.push(key.to_owned());
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The documents in a folder, in order.
fn documents(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    files.sort();
    assert!(!files.is_empty(), "{folder}");
    files
}

fn all_documents() -> Vec<PathBuf> {
    let folders = ["docs/guide/src", "docs/models", "docs", "examples", ""];
    folders.iter().flat_map(|folder| documents(folder)).collect()
}

/// The commands in the code of a document: all lines of shell code, and of other code those that
/// begin with `relume`. What stands behind two blanks explains them.
fn commands(document: &Path) -> Vec<String> {
    let text = fs::read_to_string(document).unwrap();
    let mut found = Vec::new();
    let (mut code, mut shell) = (false, false);
    let mut command = String::new();
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            (code, shell) = (!code, language == "sh");
            continue;
        }
        let line = line.trim().trim_start_matches("$ ");
        let line = line.split("  ").next().unwrap().trim();
        // A command may go on behind a backslash, and a loop until it is done.
        command.push_str(line.trim_end_matches('\\'));
        let is_loop = command.starts_with("for ") && line != "done";
        if code && shell && (is_loop || line.ends_with('\\')) {
            command.push(if is_loop { '\n' } else { ' ' });
            continue;
        }
        let whole = std::mem::take(&mut command);
        let is_relume = whole.starts_with("relume ") || whole.contains(" | relume ");
        if code && (is_relume || shell && !whole.is_empty() && !whole.starts_with('#')) {
            found.push(whole);
        }
    }
    found
}

/// Links and pictures outside of code: whether it is a picture, its words and its address.
fn links(text: &str) -> Vec<(bool, String, String)> {
    let prose: String = text.split("```").step_by(2).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(middle) = prose[at..].find("](").map(|i| at + i) {
        let start = prose[..middle].rfind('[').unwrap();
        let end = middle + prose[middle..].find(')').unwrap();
        let is_picture = prose[..start].ends_with('!');
        let words = prose[start + 1..middle].to_owned();
        found.push((is_picture, words, prose[middle + 2..end].to_owned()));
        at = end;
    }
    found
}

/// What the headings of a document are called in addresses.
fn headings(text: &str) -> BTreeSet<String> {
    let slug = |line: &str| {
        let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
    };
    text.lines().filter(|line| line.starts_with('#')).map(slug).collect()
}

/// Runs the commands of each document, from the first to the last, in a folder of its own.
fn run_commands(documents: &[PathBuf]) {
    let mut wrong = Vec::new();
    for document in documents {
        let (name, commands) = (document.strip_prefix(root()).unwrap(), commands(document));
        let is_run = |c: &&String| !NOT_RUN.iter().any(|(part, _)| c.contains(part));
        let commands: Vec<_> = commands.iter().filter(is_run).collect();
        if commands.is_empty() {
            continue;
        }
        let world = world();
        for command in commands {
            let trains = command.starts_with("relume train") || command.contains(" runs/");
            if trains && !cfg!(feature = "train") {
                continue;
            }
            if let Some(words) = failure(world.path(), command) {
                wrong.push(format!("{}: {command}\n{words}", name.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a command says if it fails. Results of commands before it do not lie in its way.
fn failure(folder: &Path, command: &str) -> Option<String> {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains(".relume.") {
            fs::remove_file(path).unwrap();
        }
    }
    let program = assert_cmd::cargo::cargo_bin("relume");
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", path)
        .env("RELUME_HOME", folder.join("home"))
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success()).then(|| format!("{}: {words}", output.status))
}

/// A folder with everything that the documents speak of, small.
fn world() -> tempfile::TempDir {
    let folder = folder();
    let here = folder.path();
    for name in ["good.png", "album/a.png", "album/b.png", "test/a.png", "test/b.png"] {
        picture(&here.join(name));
    }
    for name in ["a.png", "b.png", "c.jpg", "d.png"] {
        picture(&here.join("photos").join(name));
        picture(&here.join("restored").join(name));
        picture(&here.join("truth").join(name));
    }
    for name in ["our485/low", "our485/high", "eval15/low", "eval15/high"] {
        picture(&here.join("LOL").join(name).join("1.png"));
    }
    for name in ["night.jpg", "dark.jpg"] {
        let made = relume(here, &["degrade", "good.png", "-o", name, "--ev", "3"]);
        assert_eq!(made.code, 0, "{}", made.words);
        fs::remove_file(here.join(name).with_extension("json")).unwrap();
    }
    // The recipe of docs/training.md, in small.
    let training = fs::read_to_string(root().join("docs/training.md")).unwrap();
    let recipe = training.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let data = "[data]\nview = 32\ncrop = 16\nviews = 2\nheld_out = 1\n\n[[data.sources]]";
    let small = recipe.replace("steps = 300", "steps = 2").replace("[[data.sources]]", data);
    assert!(small.contains("steps = 2") && small.contains(data), "{small}");
    for name in ["first.toml", "recipe.toml"] {
        fs::write(here.join(name), &small).unwrap();
    }
    folder
}
