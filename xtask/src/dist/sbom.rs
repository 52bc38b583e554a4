//! The list of all parts of the published programs and libraries, in the format of CycloneDX.
//!
//! The parts are the crates that `cargo metadata` resolves for each product and its targets, and Rust's standard
//! library. The list also has crates that are used only during the build: one of them, lua-src, has the source of Lua.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::pack;
use super::release::Release;
use crate::process;
use crate::project::LUA_MANIFEST;

/// The products. Each has the manifest of its workspace, its package, and its target if the target is not this
/// machine's.
const PRODUCTS: &[(&str, &str, Option<&str>)] = &[
    ("Cargo.toml", "cogloop-runner", Some("x86_64-unknown-linux-musl")),
    ("Cargo.toml", "cogloop-runner", Some("x86_64-pc-windows-gnu")),
    ("Cargo.toml", "cogloop-runner", None),
    ("Cargo.toml", "cogloop-c", None),
    (LUA_MANIFEST, "cogloop-lua", None),
];

/// The crates by their purl, and the dependencies of each.
#[derive(Default)]
struct Parts {
    components: BTreeMap<String, Value>,
    needs: BTreeMap<String, BTreeSet<String>>,
    folders: BTreeMap<String, PathBuf>,
}

/// Writes the list, and returns the folders with the sources of the crates, by name and version.
pub(super) fn write(release: &Release) -> Result<BTreeMap<String, PathBuf>, String> {
    let mut parts = Parts::default();
    let mut products = BTreeSet::new();
    for (manifest, package, target) in PRODUCTS {
        let metadata = metadata(release, manifest, target.unwrap_or(&release.host))?;
        products.insert(parts.add(release, manifest, package, &metadata)?);
    }
    let rust = rust(release)?;
    let whole = format!("pkg:generic/cogloop@{}", release.version);
    for product in &products {
        parts.needs.entry(product.clone()).or_default().insert(text(&rust["bom-ref"]));
    }
    let mut components: Vec<_> = parts.components.into_values().collect();
    components.push(rust);
    parts.needs.insert(whole.clone(), products);
    let dependencies: Vec<_> = parts.needs.iter().map(|(part, on)| json!({ "ref": part, "dependsOn": on })).collect();
    let list = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": time(release)?,
            "tools": { "components": [{ "type": "application", "name": "cargo xtask dist", "version": release.version }] },
            "component": { "type": "application", "bom-ref": whole, "name": "cogloop", "version": release.version },
        },
        "components": components,
        "dependencies": dependencies,
    });
    let lines = serde_json::to_string_pretty(&list).map_err(|error| error.to_string())?;
    pack::write(&release.out.join(format!("cogloop-{}.cdx.json", release.version)), &(lines + "\n"))?;
    Ok(parts.folders)
}

impl Parts {
    /// Adds a package and everything that it needs, and returns its purl.
    fn add(&mut self, release: &Release, manifest: &str, package: &str, metadata: &Value) -> Result<String, String> {
        let sums = sums(release, manifest)?;
        let packages: BTreeMap<String, &Value> =
            list(&metadata["packages"]).iter().map(|package| (text(&package["id"]), package)).collect();
        let nodes: BTreeMap<String, &Value> =
            list(&metadata["resolve"]["nodes"]).iter().map(|node| (text(&node["id"]), node)).collect();
        let root = packages.iter().find(|(_, each)| each["name"] == package).ok_or(format!("there is no {package}"))?;
        let mut waiting = vec![root.0.clone()];
        let mut seen = BTreeSet::new();
        while let Some(id) = waiting.pop() {
            let (Some(each), Some(node)) = (packages.get(&id), nodes.get(&id)) else { continue };
            if !seen.insert(id) {
                continue;
            }
            let purl = purl(each);
            let next: Vec<_> =
                list(&node["deps"]).iter().filter(|dep| is_in_product(dep)).map(|dep| text(&dep["pkg"])).collect();
            let needs = self.needs.entry(purl.clone()).or_default();
            needs.extend(next.iter().filter_map(|id| packages.get(id)).map(|each| self::purl(each)));
            self.components.insert(purl, component(each, &sums));
            let folder = Path::new(each["manifest_path"].as_str().unwrap_or_default()).parent().map(Path::to_path_buf);
            self.folders
                .insert(format!("{} {}", text(&each["name"]), text(&each["version"])), folder.unwrap_or_default());
            waiting.extend(next);
        }
        Ok(purl(root.1))
    }
}

/// Whether the dependency is used outside tests.
fn is_in_product(dep: &Value) -> bool {
    list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev")
}

fn component(package: &Value, sums: &BTreeMap<(String, String), String>) -> Value {
    let (name, version) = (text(&package["name"]), text(&package["version"]));
    let purl = purl(package);
    let mut component = json!({
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        // Some old crates write a slash where the standard has OR.
        "licenses": [{ "expression": text(&package["license"]).replace('/', " OR ") }],
    });
    if let Some(sum) = sums.get(&(name, version)) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    component
}

fn purl(package: &Value) -> String {
    // In a package's URL a plus sign is written as its code.
    format!("pkg:cargo/{}@{}", text(&package["name"]), text(&package["version"]).replace('+', "%2B"))
}

fn rust(release: &Release) -> Result<Value, String> {
    let told = process::capture(release.project.program("rustc").arg("-vV"))?;
    let version = told.lines().find_map(|line| line.strip_prefix("release: ")).unwrap_or_default().to_owned();
    let purl = format!("pkg:generic/rust-std@{version}");
    Ok(json!({
        "type": "library", "bom-ref": purl, "name": "rust-std", "version": version, "purl": purl,
        "description": "Rust's standard library; the one for the static program also contains musl",
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
    }))
}

/// The checksums of the crates' files, by name and version, from the lock file beside the manifest.
fn sums(release: &Release, manifest: &str) -> Result<BTreeMap<(String, String), String>, String> {
    let path = release.source(manifest).with_file_name("Cargo.lock");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let field = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "))?;
        Some(line.trim_matches('"').to_owned())
    };
    let blocks = text.split("[[package]]");
    Ok(blocks
        .filter_map(|block| Some(((field(block, "name")?, field(block, "version")?), field(block, "checksum")?)))
        .collect())
}

fn metadata(release: &Release, manifest: &str, target: &str) -> Result<Value, String> {
    let arguments =
        ["metadata", "--format-version", "1", "--locked", "--filter-platform", target, "--manifest-path", manifest];
    let json = process::capture(&mut release.project.cargo(&arguments))?;
    serde_json::from_str(&json).map_err(|error| format!("`cargo metadata` printed text that is not JSON: {error}"))
}

fn time(release: &Release) -> Result<String, String> {
    let mut date = release.program("date");
    let told = process::capture(date.args(["-u", "-d", &format!("@{}", release.epoch), "+%Y-%m-%dT%H:%M:%SZ"]))?;
    Ok(told.trim().to_owned())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
