package bootstrap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/shardwise/shardwise/shard"
)

// reportTimeout bounds the report of a failed start; the Runtime API is local.
const reportTimeout = 2 * time.Second

// reportInitError tells the Runtime API why the function could not start, so that its callers see the typed error
// instead of a bare exit.
func reportInitError(api string, cause error) error {
	if api == "" {
		return fmt.Errorf("AWS_LAMBDA_RUNTIME_API is not set: this program is started by Lambda or a simulator of it")
	}
	response := shard.Response(cause)
	body, err := json.Marshal(response)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, "http://"+api+"/2018-06-01/runtime/init/error", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Lambda-Runtime-Function-Error-Type", shard.KindOf(cause).Type())
	client := &http.Client{Timeout: reportTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("wanted status 202, found %s", resp.Status)
	}
	if closed := resp.Body.Close(); err == nil {
		err = closed
	}
	return err
}
