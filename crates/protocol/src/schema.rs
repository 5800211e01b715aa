//! JSON Schemas (draft 2020-12) of message and reports, generated from the wire types.
//! Must never describe what the types do not do; `docs/schema` holds the results and a test keeps them equal.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::report::CloudEvent;
use crate::wire;

/// Schema of the job message.
pub fn job() -> Value {
    let title = "Valet job message, version 1";
    finish::<wire::Message>("urn:valet:schema:job:v1", title, json!([job_example()]))
}

/// Schema of a report in the JSON format of CloudEvents. In AMQP the attributes are headers and the
/// member `data` is the body.
pub fn report() -> Value {
    let title = "Valet report, version 1, in the JSON format of CloudEvents 1.0";
    finish::<CloudEvent<'static>>("urn:valet:schema:report:v1", title, json!([report_example()]))
}

fn finish<T: schemars::JsonSchema>(id: &str, title: &str, examples: Value) -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), id.into());
    schema.insert("title".to_owned(), title.into());
    schema.insert("examples".to_owned(), examples);
    schema.to_value()
}

fn job_example() -> Value {
    json!({
        "version": 1,
        "id": "01976d2a-7f00-7abc-8def-0123456789ab",
        "lane": "default",
        "input": {
            "url": "https://acct.blob.core.windows.net/in/a.mov?sv=2022-11-02&sr=b&sp=r&se=2026-01-31T18:00:00Z&sig=…",
            "etag": "\"0x8DCB1A2B3C4D5E6\"",
        },
        "output": {
            "url": "https://other.blob.core.windows.net/out/a.mp4?sv=2022-11-02&sr=b&sp=c&se=2026-01-31T18:00:00Z&sig=…",
            "content_type": "video/mp4",
        },
        "preset": { "name": "h264-720p", "version": 1, "params": { "crf": 23 } },
        "limits": { "wall_seconds": 3600, "input_bytes": 53_687_091_200_u64 },
        "priority": "normal",
        "tags": { "title": "42" },
        "submitted_at": "2026-01-31T12:00:00Z",
        "not_after": "2026-01-31T18:00:00Z",
    })
}

fn report_example() -> Value {
    json!({
        "specversion": "1.0",
        "id": "01976d2a-7f00-7abc-8def-0123456789ab/1/failed",
        "source": "/valet/workers/vm-7",
        "type": "valet.job.failed",
        "subject": "01976d2a-7f00-7abc-8def-0123456789ab",
        "time": "2026-01-31T12:00:05Z",
        "datacontenttype": "application/json",
        "lane": "default",
        "attempt": 1,
        "worker": "vm-7",
        "data": {
            "reason": "not-media",
            "detail": "ffprobe finds no stream in the input",
            "advice": "Check the file with ffprobe; playlists and scripts are never accepted.",
        },
    })
}
