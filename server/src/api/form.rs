//! The fields of a request's body, in whichever of three forms they come. Values are bytes: a
//! payload may be anything.

use std::convert::Infallible;

use axum::body::Bytes;
use futures_util::stream;
use multer::Multipart;
use serde_json::Value;

/// Fields by name. Of several with one name the first counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, Bytes)>);

impl Form {
    /// Reads a body by its Content-Type. What cannot be read has no fields.
    pub(super) async fn read(content_type: &str, body: Bytes) -> Self {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let fields = match kind.as_str() {
            "application/x-www-form-urlencoded" => Some(urlencoded(&body)),
            "multipart/form-data" => multipart(content_type, body).await,
            "application/json" => json(&body),
            _ => None,
        };
        Self(fields.unwrap_or_default())
    }

    /// The value of a field; empty if it is not there.
    pub(super) fn get(&self, name: &str) -> Bytes {
        let field = self.0.iter().find(|(key, _)| key == name);
        field.map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

fn urlencoded(body: &[u8]) -> Vec<(String, Bytes)> {
    let pair = |pair: &[u8]| {
        let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at(end);
        let name = String::from_utf8_lossy(&decoded(name)).into_owned();
        (name, decoded(value.get(1..).unwrap_or_default()).into())
    };
    body.split(|byte| *byte == b'&').filter(|text| !text.is_empty()).map(pair).collect()
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> =
        text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_encoding::percent_decode(&spaced).collect()
}

async fn multipart(content_type: &str, body: Bytes) -> Option<Vec<(String, Bytes)>> {
    let boundary = multer::parse_boundary(content_type).ok()?;
    let whole = stream::iter([Ok::<_, Infallible>(body)]);
    let mut parts = Multipart::new(whole, boundary);
    let mut fields = Vec::new();
    while let Some(part) = parts.next_field().await.ok()? {
        let name = part.name().unwrap_or_default().to_owned();
        fields.push((name, part.bytes().await.ok()?));
    }
    Some(fields)
}

fn json(body: &[u8]) -> Option<Vec<(String, Bytes)>> {
    let Value::Object(object) = serde_json::from_slice(body).ok()? else { return None };
    object.into_iter().map(|(name, value)| Some((name, scalar(value)?.into()))).collect()
}

/// A list or an object is no value of a field.
fn scalar(value: Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => Some(value.to_string()),
        Value::String(value) => Some(value),
        Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn fields(content_type: &str, body: &[u8]) -> Vec<(String, Vec<u8>)> {
        let form = Form::read(content_type, Bytes::copy_from_slice(body)).await;
        form.0.into_iter().map(|(name, value)| (name, value.to_vec())).collect()
    }

    // contract: section 3.1, any bytes the form gives
    #[tokio::test]
    async fn a_urlencoded_value_is_any_bytes() {
        for (body, name, value) in [
            ("a=b+c%2Bd", "a", &b"b c+d"[..]),
            ("a=%00%ff%FE%0a", "a", b"\x00\xff\xfe\n"),
            ("a", "a", b""),
            ("a=b=c", "a", b"b=c"),
            ("a=100%", "a", b"100%"),
            ("a=%zz", "a", b"%zz"),
            ("=b", "", b"b"),
            ("client%49D=x", "clientID", b"x"),
        ] {
            let expected = vec![(name.to_owned(), value.to_vec())];
            let kind = "Application/X-WWW-Form-urlencoded; charset=utf-8";
            assert_eq!(fields(kind, body.as_bytes()).await, expected, "{body}");
        }
    }

    // contract: section 3.1, multipart/form-data
    #[tokio::test]
    async fn a_part_is_any_bytes() {
        let body = b"--B\r\nContent-Disposition: form-data; name=\"topic\"\r\n\r\nt\r\n--B\r\n\
            Content-Disposition: form-data; name=\"payload\"; filename=\"x\"\r\n\
            Content-Type: application/octet-stream\r\n\r\n\x00\xff\r\n--\r\n\r\n--B--\r\n";
        let expected = [("topic", &b"t"[..]), ("payload", b"\x00\xff\r\n--\r\n")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_vec()));
        assert_eq!(fields("multipart/form-data; boundary=B", body).await, expected);
        assert_eq!(fields("multipart/form-data; boundary=C", body).await, []);
        assert_eq!(fields("multipart/form-data", body).await, []);
        assert_eq!(fields("multipart/form-data; boundary=B", &body[..100]).await, []);
    }

    // contract: section 3.1, JSON
    #[tokio::test]
    async fn a_json_value_is_its_text() {
        let body = br#"{"qos":1,"retain":true,"topic":"t","payload":null}"#;
        let expected = [("payload", ""), ("qos", "1"), ("retain", "true"), ("topic", "t")];
        let expected = expected.map(|(n, v)| (n.to_owned(), v.as_bytes().to_vec()));
        assert_eq!(fields("application/json;charset=UTF-8", body).await, expected);
        for body in ["", "[1]", "{", "1", r#"{"payload":{"a":1}}"#, r#"{"qos":[1]}"#] {
            assert_eq!(fields("application/json", body.as_bytes()).await, [], "{body}");
        }
    }

    #[tokio::test]
    async fn another_kind_of_body_has_no_fields() {
        assert_eq!(fields("text/plain", b"a=b").await, []);
        assert_eq!(fields("", b"a=b").await, []);
        let twice = Form::read("application/x-www-form-urlencoded", "a=1&a=2&&".into()).await;
        assert_eq!((twice.get("a"), twice.get("b")), (Bytes::from_static(b"1"), Bytes::new()));
    }
}
