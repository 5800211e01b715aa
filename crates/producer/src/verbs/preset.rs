//! `valet preset`: what can be done with media.

use clap::{Args, Subcommand};
use valet_preset::{ParamKind, ParamSpec, ParamValue, PresetInfo};

use crate::batch::{PresetChoiceError, PresetName};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::output::columns;

/// List presets, or show one with its parameters
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List every preset
    Ls,
    /// Show one preset with its parameters and their bounds
    Show {
        /// The preset, newest version unless one is named
        #[arg(value_name = "NAME[@VERSION]")]
        name: String,
    },
}

impl Options {
    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        match self.what {
            What::Ls => list(&mut context)?,
            What::Show { name } => {
                let info = find(&name)?;
                context.out.value(info, show)?;
            }
        }
        context.out.flush()
    }
}

fn list(context: &mut Context) -> Outcome {
    let infos = valet_preset::catalogue().iter().map(|preset| preset.info());
    if context.out.is_json() {
        return infos.into_iter().try_for_each(|info| context.out.value(info, |_| String::new()));
    }
    let row = |info: &PresetInfo| {
        [format!("{}@{}", info.name, info.version), info.content_type.to_owned(), info.summary.to_owned()]
    };
    let rows: Vec<_> = infos.map(row).collect();
    context.out.line(columns(&rows))
}

fn find(text: &str) -> Outcome<&'static PresetInfo> {
    let wanted: PresetName = text.parse().map_err(failure)?;
    let newest = valet_preset::find(&wanted.name).map_err(|error| failure(error.into()))?;
    let version = wanted.version.unwrap_or(newest.version);
    let infos = valet_preset::catalogue().iter().map(|preset| preset.info());
    let found = infos.into_iter().find(|info| info.name == newest.name && info.version == version);
    found.ok_or_else(|| {
        let error =
            valet_preset::PresetError::UnknownVersion { preset: newest.name, version, newest: newest.version };
        failure(error.into())
    })
}

fn failure(error: PresetChoiceError) -> Failure {
    Failure::from_error(Exit::Data, &error).advise(error.advice())
}

fn show(info: &PresetInfo) -> String {
    let extension = match info.output_extension {
        "" => "the input's",
        extension => extension,
    };
    let facts = [
        ["output".to_owned(), format!("{} ({extension})", info.content_type)],
        ["wall limit".to_owned(), format!("{} s unless --wall says otherwise", info.wall_seconds_default)],
        ["memory".to_owned(), format!("up to {} MiB", info.memory_bytes_max / (1024 * 1024))],
        ["threads".to_owned(), format!("up to {}", info.threads_max)],
    ];
    let head = format!("{}@{}  {}\n\n{}", info.name, info.version, info.summary, columns(&facts));
    if info.params.is_empty() {
        return format!("{head}\n\nIt takes no parameters.");
    }
    let rows: Vec<_> = info.params.iter().map(parameter).collect();
    format!("{head}\n\n{}", columns(&rows))
}

fn parameter(spec: &ParamSpec) -> [String; 4] {
    let range = match spec.kind {
        ParamKind::Integer { min, max } => format!("{min} to {max}"),
        ParamKind::Decimal { min, max } => format!("{min} to {max}"),
        ParamKind::Choice { of } => of.join(", "),
        ParamKind::Switch => "true, false".to_owned(),
    };
    let unit = if spec.unit.is_empty() { String::new() } else { format!(" {}", spec.unit) };
    let default = spec.default.map_or_else(|| "optional".to_owned(), |value| format!("default {}", shown(value)));
    [format!("--param {}=", spec.name), format!("{range}{unit}"), default, spec.summary.to_owned()]
}

fn shown(value: ParamValue) -> String {
    match value {
        ParamValue::Integer(number) => number.to_string(),
        ParamValue::Decimal(number) => number.to_string(),
        ParamValue::Choice(word) => word.to_owned(),
        ParamValue::Switch(on) => on.to_string(),
    }
}
