//! Man pages: one of the program, one of each command. What `--help` says at the end becomes sections of its own.

use anyhow::Result;
use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};

use crate::Document;

const PROGRAM: &str = "kubectl-danm";

/// All pages.
pub fn pages() -> Result<Vec<Document>> {
    let mut program = showalloc::command("kubectl danm").name(PROGRAM);
    program.build();
    let source = format!("danm-utils {}", program.get_version().unwrap_or_default());
    let commands = program.get_subcommands().filter(|command| !command.is_hide_set());
    std::iter::once(&program).chain(commands).map(|command| page(command.clone(), &source)).collect()
}

fn page(command: Command, source: &str) -> Result<Document> {
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let man = Man::new(command.after_help(None::<&str>)).source(source).manual("Addresses of DANM networks");
    let name = man.get_filename();
    let mut page = Vec::new();
    man.render(&mut page)?;
    // The date stays empty, which the title has to say: what comes after it would be taken for it.
    let mut page = String::from_utf8(page)?.replacen(" 1  \"", " 1 \"\" \"", 1);
    page += &sections(&after).to_roff();
    if !name.starts_with(&format!("{PROGRAM}.")) {
        page += &see_also().to_roff();
    }
    let lines: Vec<&str> = page.lines().map(str::trim_end).collect();
    Ok(Document { path: format!("docs/man/{name}"), text: lines.join("\n") + "\n" })
}

/// Text whose headings begin their lines and end with a colon, as sections. The lines stay as they are.
fn sections(text: &str) -> Roff {
    let mut sections = Roff::new();
    let is_heading = |line: &str| !line.starts_with(' ') && line.ends_with(':');
    let lines: Vec<&str> = text.lines().collect();
    for section in lines.chunk_by(|_, next| !is_heading(next)) {
        let Some((heading, lines)) = section.split_first() else { continue };
        let heading = match heading.trim_end_matches(':') {
            "Exit codes" => "EXIT STATUS".to_owned(),
            heading => heading.to_uppercase(),
        };
        sections.control("SH", [heading.as_str()]).control("nf", []);
        let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
        lines.iter().take(end).for_each(|line| {
            sections.text([roman(*line)]);
        });
        sections.control("fi", []);
    }
    sections
}

fn see_also() -> Roff {
    let mut section = Roff::new();
    section.control("SH", ["SEE ALSO"]).text([roman(format!("{PROGRAM}(1), with examples and exit status"))]);
    section
}
