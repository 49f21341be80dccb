// Reads YAML documents from standard input, holds each against the schema of its kind, and prints them all as JSON.
// `node istio-schema.mjs FOLDER`, the folder being the one that scripts/tool installs the schema into.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const modules = (path) => import(pathToFileURL(resolve(process.argv[2], "node_modules", path)));
const { parseAllDocuments } = await modules("yaml/dist/index.js").then((found) => found.default ?? found);
const schemas = {
  WasmPlugin: "ExtensionsIstioIoV1alpha1WasmPlugin",
  EnvoyFilter: "NetworkingIstioIoV1alpha3EnvoyFilter",
  // The package's CustomResourceDefinitions are older than this kind.
  TrafficExtension: undefined,
};

const documents = parseAllDocuments(readFileSync(0, "utf8"), { version: "1.1", strict: true });
const resources = documents.map((document) => {
  if (document.errors.length > 0) throw document.errors[0];
  return document.toJS();
});
for (const resource of resources) {
  if (!(resource.kind in schemas)) throw new Error(`a kind that nobody expects: ${resource.kind}`);
  if (schemas[resource.kind] === undefined) continue;
  const { validate } = await modules(`@kubernetes-models/istio/_schemas/${schemas[resource.kind]}.js`);
  if (!validate(resource)) throw new Error(`${resource.kind}: ${JSON.stringify(validate.errors)}`);
}
process.stdout.write(JSON.stringify(resources));
