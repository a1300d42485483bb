//! The forms of an answer: metadata only, tables, and what there is not.

use serde_json::json;

use crate::api_client::{MAPS, Server, pod, refusal, version};

const METADATA: &str = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json";
const METADATA_LIST: &str =
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

#[tokio::test]
async fn metadata_alone_is_served_for_objects_lists_and_watches() {
    let server = Server::start();
    server.make("a", &json!({"l": "1"})).await;
    let (_, one) = server.get_as(&format!("{MAPS}/a"), METADATA).await;
    assert_eq!(
        (&one["kind"], &one["metadata"]["labels"]["l"]),
        (&json!("PartialObjectMetadata"), &json!("1"))
    );
    assert!(one["data"].is_null());
    let (_, list) = server.get_as(&format!("{MAPS}?limit=5"), METADATA_LIST).await;
    assert_eq!(
        (&list["kind"], &list["apiVersion"]),
        (&json!("PartialObjectMetadataList"), &json!("meta.k8s.io/v1"))
    );
    assert_eq!(list["items"], json!([one]));
    let mut watch = server.watch_as(&format!("{MAPS}?watch=1"), METADATA).await;
    let event = watch.next().await.unwrap();
    assert_eq!((&event["type"], &event["object"]), (&json!("ADDED"), &one));
}

#[tokio::test]
async fn a_table_has_the_columns_of_the_definition() {
    let server = Server::start();
    let path = "/apis/danm.io/v1/namespaces/default/danmeps";
    let endpoint = json!({
        "apiVersion": "danm.io/v1", "kind": "DanmEp", "metadata": {"name": "e"},
        "spec": {"NetworkName": "net", "Pod": "p", "Interface": {"Name": "eth1", "Address": "10.0.0.5/24"}},
    });
    assert_eq!(server.post(path, &endpoint).await.0, 201);
    let (_, table) = server.get_as(path, TABLE).await;
    assert_eq!(table["kind"], "Table");
    let columns = table["columnDefinitions"].as_array().unwrap();
    let names: Vec<&str> = columns.iter().map(|column| column["name"].as_str().unwrap()).collect();
    assert_eq!(names[..5], ["Name", "Pod", "Interface", "Network", "Address"]);
    assert_eq!(columns[6]["priority"], 1, "only with -o wide");
    let row = &table["rows"][0];
    assert_eq!(
        row["cells"].as_array().unwrap()[..5],
        [json!("e"), json!("p"), json!("eth1"), json!("net"), json!("10.0.0.5/24")]
    );
    assert_eq!(row["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(version(&table), server.sandbox.revision().to_string());
}

#[tokio::test]
async fn a_watch_of_tables_tells_the_columns_once() {
    let server = Server::start();
    let pods = "/api/v1/namespaces/default/pods";
    server.post(pods, &pod("p", None)).await;
    let mut watch = server.watch_as(&format!("{pods}?watch=1"), TABLE).await;
    let first = watch.next().await.unwrap();
    assert_eq!(first["object"]["columnDefinitions"][1]["name"], "Ready");
    assert_eq!(first["object"]["rows"][0]["cells"][1], "0/1");
    server.post(pods, &pod("q", None)).await;
    let second = watch.next().await.unwrap();
    assert!(second["object"]["columnDefinitions"].is_null());
    assert_eq!(second["object"]["rows"][0]["cells"][0], "q");
}

#[tokio::test]
async fn protobuf_is_not_served_but_json_instead_where_that_will_do() {
    let server = Server::start();
    let protobuf = "application/vnd.kubernetes.protobuf";
    assert_eq!(refusal(&server.get_as(MAPS, protobuf).await).0, 406);
    assert_eq!(server.get_as(MAPS, &format!("{protobuf},application/json")).await.1["kind"], "ConfigMapList");
}

#[tokio::test]
async fn health_version_and_discovery_are_answered() {
    let server = Server::start();
    for path in ["/livez", "/readyz", "/healthz"] {
        assert_eq!(server.get(path).await, (200, json!("ok")), "{path}");
    }
    assert_eq!(server.get("/version").await.1["major"], "1");
    assert_eq!(server.get("/api").await.1["versions"], json!(["v1"]));
    let (_, groups) = server.get("/apis").await;
    let groups = groups["groups"].as_array().unwrap();
    for name in ["apps", "coordination.k8s.io", "danm.io", "danm.k8s.io", "crd.projectcalico.org"] {
        assert!(groups.iter().any(|group| group["name"] == name), "{name}");
    }
    let (_, core) = server.get("/api/v1").await;
    let pods = core["resources"].as_array().unwrap().iter().find(|one| one["name"] == "pods").unwrap();
    assert_eq!((&pods["kind"], &pods["shortNames"]), (&json!("Pod"), &json!(["po"])));
    for path in ["/apis/none.io", "/apis/none.io/v1", "/none"] {
        assert_eq!(server.get(path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn the_open_api_tells_the_schemas_of_definitions() {
    let server = Server::start();
    let (_, index) = server.get("/openapi/v3").await;
    let url = index["paths"]["apis/danm.io/v1"]["serverRelativeURL"].as_str().unwrap().to_owned();
    let (_, document) = server.get(&url).await;
    let schema = &document["components"]["schemas"]["io.danm.v1.DanmNet"];
    assert_eq!(schema["x-kubernetes-group-version-kind"][0]["kind"], "DanmNet");
    assert!(schema["properties"]["spec"]["properties"]["NetworkID"].is_object());
    assert_eq!(server.get("/openapi/v3/apis/none.io/v1").await.0, 404);
}
