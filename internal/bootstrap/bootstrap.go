// Package bootstrap is the process that Lambda starts for every function of a deployment: it reads the environment once,
// builds the handler that _HANDLER names, and serves the Runtime API.
//
// It reads _HANDLER ("coordinator" or "shard"), SHARDWISE_MODEL_DIR or LAMBDA_TASK_ROOT (the directory with
// manifest.json), SHARDWISE_SHARD (a shard's index), SHARDWISE_STORE (where payloads go that are too large for a message), SHARDWISE_ONNXRUNTIME (a
// shared library), the function's memory, and for the coordinator and the store AWS_REGION, the AWS credentials and
// AWS_ENDPOINT_URL_LAMBDA, AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL. It holds no logic of its own and stays small: no simulator, command line,
// plotting or batch formats. cmd/bootstrap and cmd/shardwise call Main; nothing else does.
package bootstrap

import (
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/shardwise/shardwise/coordinator"
	"github.com/shardwise/shardwise/coordinator/awslambda"
	"github.com/shardwise/shardwise/internal/engine"
	"github.com/shardwise/shardwise/internal/manifest"
	"github.com/shardwise/shardwise/internal/objects/awss3"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/byref"
)

// The variables that the bootstrap reads beside Lambda's own, and the values of _HANDLER.
const (
	EnvModelDir        = "SHARDWISE_MODEL_DIR" // default LAMBDA_TASK_ROOT
	EnvShard           = "SHARDWISE_SHARD"
	EnvStore           = "SHARDWISE_STORE"       // s3://bucket/prefix; default for the coordinator: what deployment.json says; for a shard: none
	EnvONNXRuntime     = "SHARDWISE_ONNXRUNTIME" // path of ONNX Runtime's shared library; default beside the program and /opt/lib
	HandlerCoordinator = "coordinator"
	HandlerShard       = "shard"
)

// Name is the file name under which Lambda starts a custom runtime.
const Name = "bootstrap"

// IsBootstrap reports whether this process was started as a function's bootstrap: its program is called "bootstrap".
func IsBootstrap() bool { return filepath.Base(os.Args[0]) == Name }

// Handler is a further handler that a binary serves, by the name that _HANDLER has. Open gets the environment and the model
// directory.
type Handler struct {
	Name string
	Open func(getenv func(string) string, dir string, engines []engine.Engine) (lambda.Handler, error)
}

// Main serves until the process is ended. A failure to start is reported to the Runtime API, typed as every error of a
// deployment, and ends the process with status 1.
func Main(further ...Handler) {
	run(os.Getenv, shard.Engines(shard.Libraries{ONNXRuntime: os.Getenv(EnvONNXRuntime)}), further...)
}

func run(getenv func(string) string, engines []engine.Engine, further ...Handler) {
	slog.SetDefault(slog.New(lambdacontext.NewLogHandler()))
	limitsOf(getenv).apply()
	h, err := build(getenv, engines, further...)
	if err != nil {
		if report := reportInitError(getenv("AWS_LAMBDA_RUNTIME_API"), err); report != nil {
			log.Printf("report the error below: %v", report)
		}
		log.Fatal(err)
	}
	lambda.StartWithOptions(h)
}

// build opens what the environment names.
func build(getenv func(string) string, engines []engine.Engine, further ...Handler) (lambda.Handler, error) {
	dir := getenv(EnvModelDir)
	if dir == "" {
		dir = getenv("LAMBDA_TASK_ROOT")
	}
	if dir == "" {
		return nil, config("wanted a model directory in " + EnvModelDir + " or LAMBDA_TASK_ROOT, found neither")
	}
	name, known := getenv("_HANDLER"), strconv.Quote(HandlerCoordinator)+" or "+strconv.Quote(HandlerShard)
	for _, h := range further {
		if h.Name == name {
			return h.Open(getenv, dir, engines)
		}
		known += " or " + strconv.Quote(h.Name)
	}
	switch name {
	case HandlerShard:
		return openShard(getenv, dir, engines)
	case HandlerCoordinator:
		return openCoordinator(getenv, dir, engines)
	default:
		return nil, config("wanted the handler " + known + ", found " + strconv.Quote(name))
	}
}

func config(message string) error {
	return &shard.Error{Op: "start", Kind: shard.Config, Message: message}
}

func openShard(getenv func(string) string, dir string, engines []engine.Engine) (lambda.Handler, error) {
	index, err := strconv.Atoi(getenv(EnvShard))
	if err != nil {
		return nil, config("wanted a shard index in " + EnvShard + ", found " + strconv.Quote(getenv(EnvShard)))
	}
	store, err := storeOf(getenv)
	if err != nil {
		return nil, err
	}
	return shard.Open(dir, index, shard.Options{Engines: engines, Store: store})
}

// openCoordinator builds the Lambda client.
func openCoordinator(getenv func(string) string, dir string, engines []engine.Engine) (lambda.Handler, error) {
	a := serviceOf(getenv, "AWS_ENDPOINT_URL_LAMBDA")
	client, err := awslambda.New(awslambda.Options{Region: a.region, Endpoint: a.endpoint, Credentials: a.credentials, FanOut: fanOut})
	if err != nil {
		return nil, err
	}
	store, err := storeOf(getenv)
	if err != nil {
		return nil, err
	}
	c, err := coordinator.Open(dir, coordinator.Options{Invoker: client, Engines: engines, Policy: coordinator.Policy{Reserve: reserve}, Store: store,
		Connect: func(s manifest.Store) (byref.Where, error) { return connect(getenv, s) }})
	if err != nil {
		return nil, err
	}
	return coordinator.NewHandler(c, nil), nil
}

// service is how a service of AWS is reached.
type service struct {
	region, endpoint string
	credentials      aws.CredentialsProvider
}

// serviceOf reads the variables that Lambda sets, without the SDK's chain of files and metadata services: in a function
// they do not exist, and looking costs start-up time.
func serviceOf(getenv func(string) string, own string) service {
	s := service{region: getenv("AWS_REGION"), endpoint: getenv(own)}
	if s.endpoint == "" {
		s.endpoint = getenv("AWS_ENDPOINT_URL")
	}
	if s.region == "" {
		s.region = getenv("AWS_DEFAULT_REGION")
	}
	if id := getenv("AWS_ACCESS_KEY_ID"); id != "" {
		s.credentials = credentials.NewStaticCredentialsProvider(id, getenv("AWS_SECRET_ACCESS_KEY"), getenv("AWS_SESSION_TOKEN"))
	}
	return s
}

// storeOf is the store that the environment names, the zero value for none.
func storeOf(getenv func(string) string) (byref.Where, error) {
	text := getenv(EnvStore)
	if text == "" {
		return byref.Where{}, nil
	}
	s, err := manifest.ParseStore(text)
	if err != nil {
		return byref.Where{}, config(EnvStore + ": " + err.Error())
	}
	return connect(getenv, s)
}

// connect builds the S3 client of a store. It dials nothing.
func connect(getenv func(string) string, s manifest.Store) (byref.Where, error) {
	a := serviceOf(getenv, "AWS_ENDPOINT_URL_S3")
	client, err := awss3.New(awss3.Options{Region: a.region, Endpoint: a.endpoint, Credentials: a.credentials, Bucket: s.Bucket, HTTP: awslambda.NewHTTPClient(storeConnections)})
	if err != nil {
		return byref.Where{}, config(err.Error())
	}
	return byref.Where{Objects: client, Bucket: s.Bucket, Prefix: s.Prefix}, nil
}

// storeConnections is how many idle connections to the store are kept.
const storeConnections = 128

// fanOut is how many connections the coordinator keeps: the 1,024 descriptors of a function bound it from above.
const fanOut = 512

// reserve is kept back from the function's deadline for the answer: joining 6 MB and posting it takes some 10 ms, and a
// typed error in time is worth more than a timeout without one.
const reserve = 100 * time.Millisecond
