//! `/openapi.json` held against what the other tests see.

use std::sync::LazyLock;

use serde_json::Value;

use super::node::Answer;
use crate::api::openapi::document;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document().unwrap());

/// Whether the document knows this answer to this request: its status, its type, and its shape.
pub(super) fn check(method: &str, target: &str, answer: &Answer) {
    let path = target.split('?').next().unwrap();
    let Some(operation) = operation(method, path) else {
        // No path or no method of this API.
        let status = answer.status.as_u16();
        assert!([404, 405, 421, 403].contains(&status), "{method} {target}: {status}");
        return;
    };
    let known = &operation["responses"][answer.status.as_str()];
    assert!(known.is_object(), "{method} {target}: {} is not in the document", answer.status);
    let known = resolve(known);
    for name in known["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
        // What is told only sometimes is told of refusals.
        let is_there = answer.headers.contains_key(name.to_ascii_lowercase().as_str());
        assert!(is_there || answer.status == 503, "{method} {target}: no {name}");
    }
    if method == "HEAD" || answer.text.is_empty() {
        return;
    }
    let named = answer.headers["content-type"].to_str().unwrap().split(';').next().unwrap();
    let schema = &known["content"][named]["schema"];
    assert!(schema.is_object(), "{method} {target}: {named} is not in the document");
    if named.ends_with("json") {
        let value: Value = serde_json::from_str(&answer.text).unwrap();
        let faults = faults(schema, &value, "");
        assert!(faults.is_empty(), "{method} {target}: {faults:?}\n{value:#}");
    }
}

/// The paths of the document, with the methods of each.
pub(super) fn operations() -> Vec<(String, Vec<String>)> {
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    let methods = |item: &Value| {
        let keys = item.as_object().unwrap().keys();
        keys.filter(|key| *key != "parameters").map(|key| key.to_ascii_uppercase()).collect()
    };
    paths.map(|(path, item)| (path.clone(), methods(item))).collect()
}

/// Whether a request's body is one that the document lets in.
pub(super) fn lets_in(method: &str, path: &str, body: &Value) -> bool {
    let operation = operation(method, path).unwrap();
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    faults(schema, body, "").is_empty()
}

/// Every `$ref`, at any depth.
pub(super) fn references() -> Vec<String> {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| walk(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(&DOCUMENT, &mut found);
    found
}

/// What a reference names.
pub(super) fn named(reference: &str) -> Option<&'static Value> {
    DOCUMENT.pointer(reference.strip_prefix('#')?)
}

fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let method = if method == "HEAD" { "get" } else { &method.to_ascii_lowercase() };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let is_like = |template: &str| {
        let (parts, asked) = (template.split('/'), path.split('/'));
        parts.clone().count() == asked.clone().count()
            && parts.zip(asked).all(|(part, asked)| part.starts_with('{') || part == asked)
    };
    // An exact path before a template.
    let template = paths.keys().find(|template| *template == path);
    let template = template.or_else(|| paths.keys().find(|template| is_like(template)))?;
    paths[template].get(method)
}

fn resolve(schema: &'static Value) -> &'static Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => named(reference).unwrap(),
        None => schema,
    }
}

/// JSON Schema, as far as the document uses it; patterns are for others to hold.
fn faults(schema: &'static Value, value: &Value, at: &str) -> Vec<String> {
    let schema = resolve(schema);
    let fault = |what: &str| vec![format!("{at}: {what}")];
    let mut found = Vec::new();
    if !schema.get("type").is_none_or(|types| is_of(types, value)) {
        return fault("another type");
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return fault("another value");
    }
    if !schema["enum"].as_array().is_none_or(|values| values.contains(value)) {
        return fault("none of the values");
    }
    for all in schema["allOf"].as_array().into_iter().flatten() {
        found.extend(faults(all, value, at));
    }
    if let Some(any) = schema["anyOf"].as_array()
        && !any.iter().any(|one| faults(one, value, at).is_empty())
    {
        found.extend(fault("like none"));
    }
    if let Some(text) = value.as_str() {
        let letters = text.chars().count() as u64;
        let is_fit = schema["minLength"].as_u64().is_none_or(|least| letters >= least)
            && schema["maxLength"].as_u64().is_none_or(|most| letters <= most);
        found.extend((!is_fit).then(|| format!("{at}: too short or too long")));
    }
    if let Some(number) = value.as_i64() {
        let is_fit = schema["minimum"].as_i64().is_none_or(|least| number >= least)
            && schema["maximum"].as_i64().is_none_or(|most| number <= most);
        found.extend((!is_fit).then(|| format!("{at}: too small or too large")));
    }
    found.extend(faults_of_items(schema, value, at));
    found.extend(faults_of_fields(schema, value, at));
    found
}

fn faults_of_items(schema: &'static Value, value: &Value, at: &str) -> Vec<String> {
    let Some(items) = value.as_array() else { return Vec::new() };
    let count = items.len() as u64;
    let is_fit = schema["minItems"].as_u64().is_none_or(|least| count >= least)
        && schema["maxItems"].as_u64().is_none_or(|most| count <= most);
    let mut found: Vec<String> = (!is_fit).then(|| format!("{at}: so many")).into_iter().collect();
    if let Some(every) = schema.get("items") {
        found.extend(items.iter().flat_map(|item| faults(every, item, &format!("{at}[]"))));
    }
    if let Some(one) = schema.get("contains")
        && !items.iter().any(|item| faults(one, item, at).is_empty())
    {
        found.push(format!("{at}: without the one"));
    }
    found
}

fn faults_of_fields(schema: &'static Value, value: &Value, at: &str) -> Vec<String> {
    let Some(fields) = value.as_object() else { return Vec::new() };
    let required = schema["required"].as_array().into_iter().flatten();
    let missing = required.filter_map(Value::as_str).filter(|name| !fields.contains_key(*name));
    let mut found: Vec<String> = missing.map(|name| format!("{at}.{name}: missing")).collect();
    for (name, value) in fields {
        match schema["properties"].get(name) {
            Some(schema) => found.extend(faults(schema, value, &format!("{at}.{name}"))),
            None if schema["additionalProperties"] == false => {
                found.push(format!("{at}.{name}: unknown"));
            }
            None => {}
        }
    }
    found
}

fn is_of(types: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    match types {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => false,
    }
}
