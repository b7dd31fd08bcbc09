//go:build unix

package simulator

import (
	"fmt"
	"net/http"
	"regexp"
)

// latest is the qualifier of the unpublished version.
const latest = "$LATEST"

// reference is what a FunctionName in a path, with its Qualifier, refers to.
// Region and account are empty where the form leaves them out.
type reference struct {
	region, account string
	name            string
	qualifier       string // empty when none was given
}

// nameForms is the API model's pattern for FunctionName: a name, a partial ARN or
// a full one, each with or without a qualifier.
var nameForms = regexp.MustCompile(`^(?:arn:aws[a-zA-Z-]*:lambda:)?(?:([a-z]{2}(?:-[a-z]+)+-[0-9]):)?(?:([0-9]{12}):)?(?:function:)?([a-zA-Z0-9-_.]+)(?::(\$LATEST|[a-zA-Z0-9-_]+))?$`)

// parseReference reads a FunctionName, already unescaped, and the Qualifier of
// the query.
func parseReference(name, qualifier string) (reference, *apiError) {
	m := nameForms.FindStringSubmatch(name)
	if m == nil || len(name) > 170 {
		return reference{}, validationError("1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?"+
			"(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?", name)
	}
	ref := reference{region: m[1], account: m[2], name: m[3], qualifier: m[4]}
	switch {
	case qualifier == "":
	case ref.qualifier != "" && ref.qualifier != qualifier:
		return reference{}, &apiError{status: http.StatusBadRequest, code: "InvalidParameterValueException", kind: "User",
			message: "The derived qualifier from the function name does not match the specified qualifier."}
	case qualifier != latest && !aliasPattern.MatchString(qualifier):
		return reference{}, validationError("1 validation error detected: Value '%s' at 'qualifier' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: (|[a-zA-Z0-9$_-]+)", qualifier)
	default:
		ref.qualifier = qualifier
	}
	return ref, nil
}

// functionARN words the ARN of a function, qualified unless qualifier is empty.
func functionARN(region, account, name, qualifier string) string {
	arn := fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", region, account, name)
	if qualifier != "" {
		arn += ":" + qualifier
	}
	return arn
}
