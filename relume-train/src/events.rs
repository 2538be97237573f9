//! The journal as TensorBoard reads it: a file of framed protobuf messages, one scalar a number.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;
use serde_json::Value;

use crate::{Error, Result};

/// `events.out.tfevents.…` of a run folder.
#[derive(Debug)]
pub(crate) struct Events {
    file: File,
    path: std::path::PathBuf,
}

/// Of `event.proto`, the fields a journal needs.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    session: Option<Session>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

#[derive(Clone, PartialEq, Message)]
struct Session {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// A session begins: what earlier files say of this step and later ones is void.
const START: i32 = 1;

impl Events {
    /// A new file in `folder` for a run that goes on after `step`.
    ///
    /// # Errors
    /// [`Error::RunFolder`] when it cannot be written.
    pub(crate) fn open(folder: &Path, step: usize) -> Result<Self> {
        let (seconds, process) = (now() as u64, std::process::id());
        let path = folder.join(format!("events.out.tfevents.{seconds}.{process}.relume"));
        let file = File::create(&path).map_err(Error::folder(&path))?;
        let mut events = Self { file, path };
        let file_version = Some("brain.Event:2".to_owned());
        events.write(Event { wall_time: now(), file_version, ..Event::default() })?;
        let (step, session) = (step as i64 + 1, Some(Session { status: START }));
        events.write(Event { wall_time: now(), step, session, ..Event::default() })?;
        Ok(events)
    }

    /// Every number of a journal entry, as `terms/charbonnier`.
    ///
    /// # Errors
    /// [`Error::RunFolder`] when it cannot be written.
    pub(crate) fn tell(&mut self, entry: &Value) -> Result<()> {
        let mut value = Vec::new();
        scalars("", entry, &mut value);
        let step = entry["step"].as_i64().unwrap_or(0);
        let summary = Some(Summary { value });
        self.write(Event { wall_time: now(), step, summary, ..Event::default() })
    }

    /// A record: length, its checksum, the message, its checksum.
    fn write(&mut self, event: Event) -> Result<()> {
        let message = event.encode_to_vec();
        let length = (message.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend_from_slice(&masked(&length).to_le_bytes());
        record.extend_from_slice(&message);
        record.extend_from_slice(&masked(&message).to_le_bytes());
        self.file.write_all(&record).map_err(Error::folder(&self.path))
    }
}

/// The numbers of `entry` but its step.
fn scalars(tag: &str, entry: &Value, found: &mut Vec<Scalar>) {
    match entry {
        Value::Object(fields) => {
            for (name, field) in fields.iter().filter(|(name, _)| *name != "step") {
                let tag = if tag.is_empty() { name.clone() } else { format!("{tag}/{name}") };
                scalars(&tag, field, found);
            }
        }
        Value::Number(number) => {
            let simple_value = number.as_f64().map(|value| value as f32);
            found.push(Scalar { tag: tag.to_owned(), simple_value });
        }
        _ => {}
    }
}

/// CRC-32C, turned and shifted as TFRecord files have it.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    /// CRC-32C bit by bit, masked.
    fn slow(bytes: &[u8]) -> u32 {
        let crc = !bytes.iter().fold(!0_u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| {
                (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg())
            })
        });
        crc.rotate_right(15).wrapping_add(0xa282_ead8)
    }

    #[test]
    fn every_record_is_framed_and_tells_its_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = Events::open(folder.path(), 4).unwrap();
        let entry = serde_json::json!({
            "step": 5, "loss": 0.25, "stage": "train", "terms": { "l1": 0.5 },
        });
        events.tell(&entry).unwrap();
        let bytes = std::fs::read(&events.path).unwrap();
        let (mut rest, mut found) = (&bytes[..], Vec::new());
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            let check = |bytes: &[u8], at: usize| {
                assert_eq!(rest[at..at + 4], slow(bytes).to_le_bytes());
            };
            check(&rest[..8], 8);
            check(&rest[12..12 + length], 12 + length);
            found.push(Event::decode(&rest[12..12 + length]).unwrap());
            rest = &rest[16 + length..];
        }
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].file_version.as_deref(), Some("brain.Event:2"));
        assert_eq!((found[1].step, found[1].session.as_ref().unwrap().status), (5, START));
        let values = &found[2].summary.as_ref().unwrap().value;
        let values: Vec<_> = values.iter().map(|v| (v.tag.as_str(), v.simple_value)).collect();
        assert_eq!(values, [("loss", Some(0.25)), ("terms/l1", Some(0.5))]);
    }
}
