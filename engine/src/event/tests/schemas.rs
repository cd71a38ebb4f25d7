//! The taxonomy: built-in types, an organization's own, and what a mismatch does.

use serde_json::json;

use super::*;

fn org_type(name: &str, category: &str, schema: serde_json::Value, on_mismatch: OnMismatch) -> OrgType {
    OrgType { event_type: name.into(), category: Some(category.into()), schema: Some(schema), on_mismatch }
}

#[test]
fn all_types_of_the_mission_are_built_in_with_their_categories() {
    let taxonomy = Taxonomy::built_in();
    let told: Vec<String> = taxonomy.types().map(|t| format!("{} {}", t.event_type, t.category)).collect();
    let wanted = "agent.created agent|agent.deleted agent|agent.deployed agent|agent.updated agent|\
        api.error api|api.rate_limited api|api.request api|api.response api|\
        api_key.created security|api_key.revoked security|\
        auth.login auth|auth.login_failed auth|auth.token_refreshed auth|\
        integration.connected integration|integration.disconnected integration|\
        maintenance.completed system|maintenance.started system|service.degraded system|service.restored system|\
        session.completed session|session.created session|session.failed session|session.intervened session|\
        session.message session|session.transferred session|\
        user.invited security|user.role_changed security";
    let mut wanted: Vec<&str> = wanted.split('|').collect();
    wanted.sort_unstable();
    let mut told: Vec<&str> = told.iter().map(String::as_str).collect();
    told.sort_unstable();
    assert_eq!(told, wanted);
    assert!(taxonomy.types().all(|t| t.built_in && t.on_mismatch == OnMismatch::Mark));
    assert_eq!(taxonomy.get("agent.renamed"), None);
    assert_eq!(taxonomy.categories().count(), 7);
}

#[test]
fn a_mismatch_is_stored_and_marked_with_its_place() {
    let raw = event_with("event_type", r#""api.request""#).replace(
        r#"{"changes":{"before":{"model":"a"},"after":{"model":"b"}}}"#,
        r#"{"latency_ms":-1,"status_code":"secret"}"#,
    );
    let event = attempt(&raw).unwrap();
    let fields = Fields::scan(&event.body).unwrap();
    let errors: Vec<serde_json::Value> = serde_json::from_str(fields.schema_errors.unwrap()).unwrap();
    let places: Vec<&str> = errors.iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    assert_eq!(places, ["/metadata/latency_ms", "/metadata/status_code"]);
    assert!(!fields.schema_errors.unwrap().contains("secret"), "details do not repeat values");
    assert!(text(&event).ends_with("]}"));
    let mut unmarked = text(&event)[..text(&event).rfind(",\"schema_errors\"").unwrap()].to_owned();
    unmarked.push('}');
    assert_eq!(attempt(unmarked).unwrap().body, event.body, "marking depends on the content alone");
}

#[test]
fn what_clients_commonly_send_is_not_marked() {
    for (kind, metadata) in [
        (
            "api.request",
            r#"{"method":"GET","path":"/v1/x","status_code":200,"latency_ms":12.5,"request_id":"r","request_bytes":0,"request":{"body":{"a":1}}}"#,
        ),
        (
            "api.error",
            r#"{"status_code":500,"message":"boom","stack":["a","b"],"context":{"x":null},"response":null}"#,
        ),
        (
            "auth.login_failed",
            r#"{"method":"password","ip":"203.0.113.7","reason":"bad password","attempts":3,"other":[1]}"#,
        ),
        ("agent.created", r#"{"changes":{"before":null,"after":{"model":"b"}}}"#),
        ("session.message", r#"{"latency_ms":1e2,"tokens":12.0,"content":"hi"}"#),
        ("api.response", "{}"),
    ] {
        let raw = event_with("event_type", &format!("\"{kind}\"")).replace(
            r#""metadata":{"changes":{"before":{"model":"a"},"after":{"model":"b"}}}"#,
            &format!("\"metadata\":{metadata}"),
        );
        assert!(Fields::scan(stored(&raw).as_bytes()).unwrap().schema_errors.is_none(), "{raw}");
    }
}

#[test]
fn an_organization_adds_types_categories_and_its_own_terms() {
    let schema = json!({"type": "object", "required": ["amount"], "properties": {"amount": {"type": "integer", "minimum": 1}}});
    let taxonomy = Taxonomy::with([
        org_type("billing.paid", "billing", schema, OnMismatch::Refuse),
        OrgType {
            event_type: "agent.updated".into(),
            category: None,
            schema: None,
            on_mismatch: OnMismatch::Refuse,
        },
    ])
    .unwrap();
    assert!(taxonomy.has_category("billing") && !Taxonomy::built_in().has_category("billing"));
    let paid = |metadata: &str| {
        let raw = event_with("event_type", r#""billing.paid""#).replace(r#","category":"agent""#, "");
        let start = raw.find("\"metadata\"").unwrap();
        try_with(format!("{}\"metadata\":{metadata}}}", &raw[..start]).as_bytes(), &taxonomy)
    };
    assert!(text(&paid(r#"{"amount":5}"#).unwrap()).contains(r#""category":"billing""#));
    let faults = paid(r#"{"amount":0}"#).unwrap_err().faults;
    assert_eq!((faults[0].code, faults[0].pointer.as_str()), (Code::Invalid, "/metadata/amount"));
    assert_eq!(paid("{}").unwrap_err().faults[0].pointer, "/metadata");
    let refused = try_with(event_with("metadata", r#"{"changes":1}"#).as_bytes(), &taxonomy).unwrap_err();
    assert_eq!(refused.faults[0].pointer, "/metadata/changes");
    assert!(taxonomy.get("agent.updated").is_some_and(|t| t.built_in && t.on_mismatch == OnMismatch::Refuse));
}

#[test]
fn bad_types_are_refused_at_the_member_at_fault() {
    let fine = json!({"type": "object"});
    let deep = (0..40).fold(json!({}), |inner, _| json!({"properties": {"a": inner}}));
    let large = json!({"description": "x".repeat(70_000)});
    for (name, category, schema, pointer) in [
        ("Billing", "billing", fine.clone(), "/event_type"),
        ("stele.x", "system", fine.clone(), "/event_type"),
        ("a.b", "Not Good", fine.clone(), "/category"),
        ("agent.updated", "api", fine, "/category"),
        ("a.b", "api", json!([]), "/schema"),
        ("a.b", "api", json!({"type": "objekt"}), "/schema/type"),
        ("a.b", "api", json!({"properties": {"x": {"minimum": "1"}}}), "/schema/properties/x/minimum"),
        ("a.b", "api", json!({"$ref": "https://example.com/x.json"}), "/schema"),
        ("a.b", "api", json!({"$ref": "file:///etc/hosts"}), "/schema"),
        ("a.b", "api", json!({"pattern": "("}), "/schema"),
        ("a.b", "api", deep, "/schema"),
        ("a.b", "api", large, "/schema"),
    ] {
        let error = Taxonomy::with([org_type(name, category, schema.clone(), OnMismatch::Mark)]).unwrap_err();
        assert!(error.pointer.starts_with(pointer), "{schema}: {error}");
    }
    let doubled: serde_json::Map<String, serde_json::Value> = (0..20)
        .map(|i| (format!("d{i}"), json!({"allOf": [{"$ref": format!("#/$defs/d{}", i + 1)}, {"$ref": format!("#/$defs/d{}", i + 1)}]})))
        .chain([("d20".to_owned(), json!({"type": "object"}))])
        .collect();
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#/allOf/0"}]}),
        json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}),
        json!({"properties": {"child": {"$ref": "#"}}}),
        json!({"$dynamicRef": "#x"}),
        json!({"properties": {"x": {"$id": "https://example.com/x", "$ref": "#/$defs/x"}}}),
        json!({"$ref": "#/$defs/missing"}),
        json!({"$schema": "http://json-schema.org/draft-04/schema#"}),
        json!({"$defs": doubled, "$ref": "#/$defs/d0"}),
    ] {
        let error = Taxonomy::with([org_type("a.b", "api", schema.clone(), OnMismatch::Mark)]).unwrap_err();
        assert!(error.pointer.starts_with("/schema"), "{schema}: {error}");
    }
    assert!(
        Taxonomy::with([OrgType {
            event_type: "a.b".into(),
            category: None,
            schema: None,
            on_mismatch: OnMismatch::Mark
        }])
        .is_err()
    );
}

#[test]
fn many_mismatches_are_bounded() {
    let schema = json!({"additionalProperties": {"type": "string"}});
    let taxonomy = Taxonomy::with([org_type("a.b", "api", schema, OnMismatch::Mark)]).unwrap();
    let members: Vec<String> = (0..500).map(|i| format!("\"{}{i}\":1", "n".repeat(300))).collect();
    let raw = event_with("metadata", &format!("{{{}}}", members.join(","))).replace("agent.updated", "a.b");
    let event = try_with(raw.as_bytes(), &taxonomy).unwrap();
    let errors = Fields::scan(&event.body).unwrap().schema_errors.unwrap();
    assert_eq!(errors.matches("\"pointer\"").count(), taxonomy::MISMATCHES_MAX);
    assert!(errors.len() < 24 << 10);
}

#[test]
fn numbers_that_no_float_holds_are_still_judged() {
    let raw = event_with("metadata", r#"{"changes":1,"n":1e999,"s":"1e999"}"#);
    let stored = stored(&raw);
    assert!(stored.contains(r#""n":1e999"#));
    let fields = Fields::scan(stored.as_bytes()).unwrap();
    assert!(fields.schema_errors.unwrap().contains("/metadata/changes"), "{stored}");
}

#[test]
fn references_within_a_schema_are_followed() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/paid",
        "$defs": {"money~/": {"type": "integer"}},
        "properties": {"net": {"$ref": "#/$defs/money~0~1"}, "gross": {"$ref": "#/$defs/money~0~1"}},
    });
    let taxonomy = Taxonomy::with([org_type("a.b", "api", schema, OnMismatch::Refuse)]).unwrap();
    let raw = event_with("metadata", r#"{"net":1,"gross":"1"}"#).replace("agent.updated", "a.b");
    assert_eq!(try_with(raw.as_bytes(), &taxonomy).unwrap_err().faults[0].pointer, "/metadata/gross");
}

/// A schema's type in one word, such as `text`.
fn kind(schema: &serde_json::Value) -> String {
    let kinds: Vec<&str> = match &schema["type"] {
        serde_json::Value::Array(all) => {
            all.iter().filter_map(|k| k.as_str()).filter(|k| *k != "null").collect()
        }
        _ => return "any".into(),
    };
    let inner = schema["properties"].as_object();
    let bounds = match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(low), Some(high)) => format!(", {low} to {high}"),
        (Some(low), None) => format!(", at least {low}"),
        _ => String::new(),
    };
    let members = inner.map_or(String::new(), |all| {
        let mut names: Vec<String> = all.iter().map(|(n, s)| format!("`{n}` ({})", kind(s))).collect();
        names.sort_unstable();
        format!(" of {}", names.join(", "))
    });
    format!("{}{bounds}{members}", kinds.join(" or "))
}

/// The tables of docs/EVENTS.md, made from the schemas.
fn tables() -> String {
    let mut types = String::from("| type | category | members of metadata |\n|---|---|---|\n");
    let mut members = std::collections::BTreeSet::new();
    for info in Taxonomy::built_in().types() {
        let all = info.schema["properties"].as_object().unwrap();
        let mut names: Vec<String> = all.keys().map(|n| format!("`{n}`")).collect();
        names.sort_unstable();
        types += &format!("| `{}` | {} | {} |\n", info.event_type, info.category, names.join(" "));
        for (name, schema) in all {
            members.insert(format!(
                "| `{name}` | {} | {} |\n",
                kind(schema),
                schema["description"].as_str().unwrap()
            ));
        }
    }
    let members: String = members.into_iter().collect();
    format!("{types}\n| member | JSON | what it is |\n|---|---|---|\n{members}")
}

#[test]
fn the_documentation_lists_every_built_in_type_with_its_members() {
    let documented = include_str!("../../../../docs/EVENTS.md");
    assert!(documented.contains(&tables()), "docs/EVENTS.md should hold:\n{}", tables());
}
