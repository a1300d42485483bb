//! Bodies in protobuf, as the typed clients of kubectl send them whether a server likes them or not: read for the
//! few kinds that kubectl creates by name. Answers are never protobuf.

mod message;
mod wire;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use self::{
    message::{Message, Shape},
    wire::Field,
};

/// What every body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// The object in a body; none if we cannot read it.
pub(crate) fn decode(body: &[u8]) -> Option<Value> {
    let envelope = read(body.strip_prefix(MAGIC)?, &message::ENVELOPE)?;
    let text = |pointer: &str| envelope.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let (kind, api_version) = (text("/typeMeta/kind")?, text("/typeMeta/apiVersion")?);
    let mut object = read(raw_object(body.strip_prefix(MAGIC)?)?, message::of_kind(&kind)?)?;
    object["kind"] = json!(kind);
    object["apiVersion"] = json!(api_version);
    Some(object)
}

/// The second field of the envelope.
fn raw_object(envelope: &[u8]) -> Option<&[u8]> {
    wire::fields(envelope)?.into_iter().find_map(|field| match field {
        Field::Bytes(2, bytes) => Some(bytes),
        _ => None,
    })
}

fn read(bytes: &[u8], message: &Message) -> Option<Value> {
    let mut fields = Map::new();
    for field in wire::fields(bytes)? {
        let known = message.iter().find(|(number, ..)| *number == field.number());
        if let Some((_, name, shape)) = known {
            add(&mut fields, name, shape, &field)?;
        }
    }
    Some(Value::Object(fields))
}

fn add(fields: &mut Map<String, Value>, name: &str, shape: &Shape, field: &Field<'_>) -> Option<()> {
    match (shape, field) {
        (Shape::Number, Field::Number(_, number)) => {
            // Numbers are signed, whatever their size.
            fields.insert(name.to_owned(), json!(number.cast_signed()));
        }
        (Shape::Flag, Field::Number(_, number)) => {
            fields.insert(name.to_owned(), json!(*number != 0));
        }
        // Empty texts are what JSON leaves out.
        (Shape::Text, Field::Bytes(_, [])) => {}
        (Shape::Text, Field::Bytes(_, bytes)) => {
            fields.insert(name.to_owned(), text(bytes)?);
        }
        (Shape::Message(message), Field::Bytes(_, bytes)) => {
            let value = read(bytes, message)?;
            if value.as_object().is_some_and(|fields| !fields.is_empty()) {
                fields.insert(name.to_owned(), value);
            }
        }
        (Shape::Texts, Field::Bytes(_, bytes)) => {
            let texts = fields.entry(name).or_insert_with(|| json!([]));
            texts.as_array_mut()?.push(text(bytes)?);
        }
        (Shape::Map | Shape::BytesMap, Field::Bytes(_, bytes)) => {
            let (key, value) = entry(bytes)?;
            let value = if matches!(shape, Shape::Map) { text(value)? } else { base64(value) };
            fields.entry(name).or_insert_with(|| json!({}))[text(key)?.as_str()?] = value;
        }
        _ => return None,
    }
    Some(())
}

fn text(bytes: &[u8]) -> Option<Value> {
    std::str::from_utf8(bytes).ok().map(|text| json!(text))
}

fn base64(bytes: &[u8]) -> Value {
    json!(STANDARD.encode(bytes))
}

/// Key and value of an entry of a map.
fn entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    for field in wire::fields(bytes)? {
        match field {
            Field::Bytes(1, bytes) => key = bytes,
            Field::Bytes(2, bytes) => value = bytes,
            _ => {}
        }
    }
    Some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(bytes.len()).unwrap();
        [&[number << 3 | 2, length], bytes].concat()
    }

    fn config_map() -> Vec<u8> {
        let entry = [field(1, b"k"), field(2, b"v")].concat();
        let object = [field(1, &field(1, b"m")), field(2, &entry), field(3, &entry)].concat();
        let type_meta = [field(1, b"v1"), field(2, b"ConfigMap")].concat();
        [MAGIC.to_vec(), field(1, &type_meta), field(2, &object)].concat()
    }

    #[test]
    fn an_object_is_read_from_its_envelope() {
        let expected = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "m"},
            "data": {"k": "v"},
            "binaryData": {"k": "dg=="},
        });
        assert_eq!(decode(&config_map()), Some(expected));
    }

    #[test]
    fn whatever_is_cut_off_is_refused() {
        let whole = config_map();
        for end in 0..whole.len() {
            // Some cuts lie between fields; none may panic.
            let _ = decode(&whole[..end]);
        }
        assert_eq!(decode(b"k8s\0\x0a\xff"), None);
        assert_eq!(decode(b""), None);
    }
}
