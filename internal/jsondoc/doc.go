// Package jsondoc decodes JSON documents that people write: descriptions, cost models, deployments. It holds them to the members that a document has, and tells
// what is wrong in their terms: which field, by its path, what was wanted there and what was found.
package jsondoc
