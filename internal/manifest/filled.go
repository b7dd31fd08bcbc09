package manifest

import (
	"fmt"
	"math"
	"reflect"
	"unicode/utf8"
)

// filled returns a deep copy of v in which nil lists and maps are empty ones, so that JSON never says null for them.
// Pointers stay nil: they mean absence, and their members are omitted.
func filled(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(filled(v.Elem()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			out.Field(i).Set(filled(v.Field(i)))
		}
	case reflect.Slice:
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		if plain(v.Type().Elem().Kind()) {
			reflect.Copy(out, v)
			break
		}
		for i := range v.Len() {
			out.Index(i).Set(filled(v.Index(i)))
		}
	case reflect.Map:
		out.Set(reflect.MakeMap(v.Type()))
		for it := v.MapRange(); it.Next(); {
			out.SetMapIndex(it.Key(), filled(it.Value()))
		}
	default:
		out.Set(v)
	}
	return out
}

func plain(k reflect.Kind) bool {
	return k != reflect.Struct && k != reflect.Pointer && k != reflect.Slice && k != reflect.Map
}

// unencodable describes the first value that the JSON encoder would change without a word (text that is not UTF-8) or
// that JSON cannot hold (integers beyond 2^53, NaN), "" when there is none.
func unencodable(v reflect.Value, path string) string {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return unencodable(v.Elem(), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if fault := unencodable(v.Field(i), path+"/"+v.Type().Field(i).Name); fault != "" {
				return fault
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if fault := unencodable(v.Index(i), path); fault != "" {
				return fault
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if !utf8.ValidString(it.Key().String()) {
				return fmt.Sprintf("%s has a key that is not UTF-8", path)
			}
			if fault := unencodable(it.Value(), path); fault != "" {
				return fault
			}
		}
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return fmt.Sprintf("%s is %.40q, which is not UTF-8", path, v.String())
		}
	case reflect.Int, reflect.Int64:
		if v.Int() > maxInteger || v.Int() < -maxInteger {
			return fmt.Sprintf("%s is %d, more than JSON counts exactly (2^53)", path, v.Int())
		}
	case reflect.Float64:
		if math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0) {
			return fmt.Sprintf("%s is %v, which JSON cannot hold", path, v.Float())
		}
	}
	return ""
}
