//! The two ffprobe calls: facts for the worker, and the document that the preset `probe-json` stores.
//! The document must never name the file, whose name is the worker's own.

use crate::argv::Args;
use crate::bounds::Bounds;
use crate::input::{INPUT_URL, probing};

/// What the worker needs to know, in ffprobe's `-show_entries` language.
const FACTS: &str = "format=format_name,duration,bit_rate\
    :stream=index,codec_type,codec_name,width,height,pix_fmt,sample_aspect_ratio,color_transfer,field_order,\
avg_frame_rate,nb_frames,duration,channels,sample_rate\
    :stream_disposition=attached_pic:stream_side_data=rotation\
    :frame=stream_index:frame_side_data=rotation";

/// What `probe-json` stores. `filename` is left out on purpose.
const DOCUMENT: &str = "format=nb_streams,format_name,start_time,duration,size,bit_rate\
    :stream=index,codec_type,codec_name,profile,level,width,height,pix_fmt,sample_aspect_ratio,\
display_aspect_ratio,color_range,color_space,color_transfer,color_primaries,field_order,r_frame_rate,\
avg_frame_rate,time_base,start_time,duration,bit_rate,nb_frames,sample_fmt,sample_rate,channels,\
channel_layout,bits_per_raw_sample\
    :stream_disposition=default,attached_pic:stream_side_data=side_data_type,rotation\
    :chapter=id,start_time,end_time";

/// [`DOCUMENT`] with the words that people and cameras left in the file.
const DOCUMENT_WITH_TAGS: &str = "format=nb_streams,format_name,start_time,duration,size,bit_rate:format_tags\
    :stream=index,codec_type,codec_name,profile,level,width,height,pix_fmt,sample_aspect_ratio,\
display_aspect_ratio,color_range,color_space,color_transfer,color_primaries,field_order,r_frame_rate,\
avg_frame_rate,time_base,start_time,duration,bit_rate,nb_frames,sample_fmt,sample_rate,channels,\
channel_layout,bits_per_raw_sample:stream_tags\
    :stream_disposition=default,attached_pic:stream_side_data=side_data_type,rotation\
    :chapter=id,start_time,end_time:chapter_tags";

/// Arguments of the ffprobe call (without the program's name) whose stdout is for
/// [`crate::MediaFacts::from_ffprobe_json`]. It reads [`INPUT_URL`].
pub fn probe_argv(bounds: &Bounds) -> Vec<String> {
    // One packet is decoded: the rotation of a photograph is known only then.
    call(bounds, &["-read_intervals", "%+#1", "-show_entries", FACTS])
}

/// Arguments of the ffprobe call whose stdout is the output of `probe-json`.
pub(crate) fn document_argv(bounds: &Bounds, tags: bool) -> Vec<String> {
    call(bounds, &["-show_entries", if tags { DOCUMENT_WITH_TAGS } else { DOCUMENT }])
}

fn call(bounds: &Bounds, entries: &[&'static str]) -> Vec<String> {
    Args::default()
        .words(&["-hide_banner", "-v", "error"])
        .append(probing(bounds))
        .words(entries)
        .words(&["-of", "json", "-i", INPUT_URL])
        .finish()
}
