package httpapi

import (
	"net/url"
	"slices"
)

// object is a JSON object of the OpenAPI description.
type object = map[string]any

// describe writes the OpenAPI 3.1 description of the server, whose requests and answers are those of its model's
// signature.
func (s *Server) describe() object {
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title":       "Predictions of " + s.meta.Name,
			"version":     s.meta.Version,
			"summary":     "Open Inference Protocol (KServe V2 REST) with the binary tensor data extension.",
			"description": "Errors are {\"error\": text}. Bodies take at most 6 MB, as Lambda does; in base64 a binary body takes a third more of them.",
		},
		"paths": s.paths(),
		"components": object{"schemas": object{
			"Error":    closed(object{"error": object{"type": "string"}}, "error"),
			"Server":   closed(object{"name": text(), "version": text(), "extensions": array(text())}, "name", "version", "extensions"),
			"Metadata": metadataSchema(),
			"Request":  s.requestSchema(),
			"Response": s.responseSchema(),
		}},
	}
}

func (s *Server) paths() object {
	model := "/v2/models/" + s.meta.Name
	paths := object{
		"/v2":             object{"get": operation("server", "Name, version and extensions of the server", ref("Server"))},
		"/v2/health/live": object{"get": operation("live", "Whether the server answers", closed(object{"live": object{"type": "boolean"}}, "live"))},
		"/v2/health/ready": object{"get": operation("ready", "Whether the server has opened its model",
			closed(object{"ready": object{"type": "boolean"}}, "ready"))},
		DescriptionPath: object{"get": operation("description", "This description", object{"type": "object"})},
	}
	for _, form := range []struct{ path, suffix string }{{model, ""}, {model + "/versions/" + url.PathEscape(s.meta.Version), "Version"}} {
		ready := closed(object{"name": text(), "ready": object{"type": "boolean"}}, "name", "ready")
		paths[form.path] = object{"get": operation("metadata"+form.suffix, "Inputs and outputs of the model", ref("Metadata"))}
		paths[form.path+"/ready"] = object{"get": operation("modelReady"+form.suffix, "Whether the model is open", ready)}
		paths[form.path+"/infer"] = object{"post": inferOperation("infer" + form.suffix)}
	}
	return paths
}

func operation(id, summary string, answer object) object {
	return object{"operationId": id, "summary": summary, "responses": object{
		"200":     object{"description": summary, "content": object{contentJSON: object{"schema": answer}}},
		"default": failureAnswer("The request is refused"),
	}}
}

func inferOperation(id string) object {
	length := object{"description": "Bytes of JSON before the binary data", "schema": object{"type": "integer", "minimum": 0}}
	in := object{"name": "Inference-Header-Content-Length", "in": "header", "required": false}
	for key, value := range length {
		in[key] = value
	}
	binary := object{}
	responses := object{
		"200": object{"description": "The prediction", "headers": object{"Inference-Header-Content-Length": length},
			"content": object{contentJSON: object{"schema": ref("Response")}, contentBinary: binary}},
		"default": failureAnswer("Another failure"),
	}
	for status, text := range map[string]string{
		"400": "The request is not what the protocol or the signature says", "404": "No such model or version", "405": "Not a POST",
		"413": "Request or answer is too large for Lambda; send fewer rows", "415": "The body is compressed",
		"429": "Refused for load; see Retry-After", "503": "A function failed, another attempt may succeed; see Retry-After",
		"504": "The time for the answer is used up",
	} {
		responses[status] = failureAnswer(text)
	}
	return object{"operationId": id, "summary": "A prediction", "parameters": []any{in, object{"name": "Prefer", "in": "header", "required": false, "schema": text(),
		"description": "reference: the client follows an answer that refers to the store"}}, "responses": responses,
		"requestBody": object{"required": true, "content": object{contentJSON: object{"schema": ref("Request")}, contentBinary: binary}}}
}

func failureAnswer(text string) object {
	return object{"description": text, "content": object{contentJSON: object{"schema": ref("Error")}}}
}

func ref(name string) object { return object{"$ref": "#/components/schemas/" + name} }

func text() object { return object{"type": "string"} }

func array(items object) object { return object{"type": "array", "items": items} }

// closed is an object with these properties and no others.
func closed(properties object, required ...string) object {
	schema := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

func metadataSchema() object {
	tensors := array(closed(object{"name": text(), "datatype": text(), "shape": array(object{"type": "integer", "minimum": -1})}, "name", "datatype", "shape"))
	return closed(object{"name": text(), "versions": array(text()), "platform": text(), "inputs": tensors, "outputs": tensors},
		"name", "versions", "platform", "inputs", "outputs")
}

// shapeSchema describes the shapes that a signature's shape admits.
func shapeSchema(shape []int) object {
	sizes := make([]any, len(shape))
	for i, d := range shape {
		if sizes[i] = (object{"const": d}); d < 0 {
			sizes[i] = object{"type": "integer", "minimum": 0}
		}
	}
	schema := object{"type": "array", "minItems": len(shape), "maxItems": len(shape)}
	if len(sizes) > 0 {
		schema["prefixItems"] = sizes
	}
	return schema
}

// flat describes the elements of a datatype in a flat or nested array.
func flat(datatype string, missing bool) object {
	element := object{"type": "number"}
	switch {
	case datatype == "BYTES":
		element = text()
	case datatype == "BOOL":
		element = object{"type": "boolean"}
	case missing:
		element = object{"type": []any{"number", "null"}}
	}
	return object{"type": "array", "items": object{"anyOf": []any{element, object{"type": "array"}}}}
}

func (s *Server) requestSchema() object {
	inputs := make([]any, len(s.meta.Inputs))
	for i, t := range s.meta.Inputs {
		types := append([]string{t.Datatype}, t.Accepts...)
		inputs[i] = closed(object{
			"name": object{"const": t.Name}, "datatype": object{"enum": types}, "shape": shapeSchema(t.Shape), "data": flat(t.Datatype, t.Missing),
			"parameters": closed(object{"binary_data_size": object{"type": "integer", "minimum": 0}}),
		}, "name", "datatype", "shape")
	}
	names := make([]string, len(s.meta.Outputs))
	for i, t := range s.meta.Outputs {
		names[i] = t.Name
	}
	output := closed(object{"name": object{"enum": names}, "parameters": closed(object{"binary_data": object{"type": "boolean"}})}, "name")
	modes := append([]string{"auto"}, slices.DeleteFunc(slices.Clone(s.meta.Modes), func(m string) bool { return m == "auto" })...)
	return closed(object{
		"id":      text(),
		"inputs":  object{"type": "array", "minItems": len(inputs), "maxItems": len(inputs), "items": object{"oneOf": inputs}},
		"outputs": array(output),
		"parameters": closed(object{"mode": object{"enum": modes}, "deadline_ms": object{"type": "integer", "minimum": 1},
			"binary_data_output": object{"type": "boolean"}}),
	}, "inputs")
}

func (s *Server) responseSchema() object {
	outputs := make([]any, len(s.meta.Outputs))
	for i, t := range s.meta.Outputs {
		outputs[i] = closed(object{"name": object{"const": t.Name}, "datatype": object{"const": t.Datatype}, "shape": shapeSchema(t.Shape),
			"data": flat(t.Datatype, true), "parameters": closed(object{"binary_data_size": object{"type": "integer", "minimum": 0}})},
			"name", "datatype", "shape")
	}
	return closed(object{"model_name": text(), "model_version": text(), "id": text(),
		"parameters": closed(object{"mode": text(), "ref": text(), "ref_bytes": object{"type": "integer", "minimum": 1},
			"ref_sha256": object{"type": "string", "pattern": "^[0-9a-f]{64}$"}, "ref_header_bytes": object{"type": "integer", "minimum": 1}}, "mode"), "outputs": array(object{"oneOf": outputs})},
		"model_name", "model_version", "outputs")
}
