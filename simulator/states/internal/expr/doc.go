// Package expr evaluates what a JSONPath state machine may write in a field: paths, paths into the context object,
// reference paths, payload templates and intrinsic functions.
//
// Paths are compiled when a machine is created, so that a fault shows then. The JSONPath itself is
// github.com/ohler55/ojg's; here stand the rules of the states language around it. Values are those of package value and
// are never changed in place. Only the packages of the Step Functions simulator use it.
package expr
