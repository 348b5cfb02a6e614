//go:build e2e

// Package e2e tests the client against a real server with a real Milvus. MB_TEST_SERVER is the path of the program
// milvus-backup. MB_TEST_MILVUS is the file in which scripts/milvus_server.py describes a running Milvus with local
// storage. `scripts/test-go` sets both.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/milvus-backup/milvus-backup/clients/go/milvusbackup"
)

// The tokens in the configuration of the server, by their roles.
const (
	admin  = "the-token-of-an-administrator"
	reader = "the-token-of-a-reader"
)

// The maximum duration of the calls of a test.
const callTimeout = 3 * time.Minute

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	t.Cleanup(cancel)
	return ctx
}

// requireEnv returns the value of an environment variable, and fails the test if it is not set.
func requireEnv(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set; scripts/test-go sets it", name)
	}
	return value
}

// milvus describes a running Milvus.
type milvus struct {
	Port    int `json:"port"`
	Storage struct {
		Root string `json:"root"`
	} `json:"storage"`
}

func runningMilvus(t *testing.T) milvus {
	t.Helper()
	text, err := os.ReadFile(requireEnv(t, "MB_TEST_MILVUS"))
	if err != nil {
		t.Fatal(err)
	}
	var m milvus
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// call sends a request to the REST interface of Milvus and returns the data of the response.
func (m milvus) call(t *testing.T, method, path string, body any) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	url := fmt.Sprintf("http://127.0.0.1:%d/v1/vector/%s", m.Port, path)
	request, err := http.NewRequestWithContext(testContext(t), method, url, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var content struct {
		Code    int
		Message string
		Data    json.RawMessage
	}
	if err := json.Unmarshal(text, &content); err != nil || content.Code != http.StatusOK {
		t.Fatalf("%s: %s", path, text)
	}
	return content.Data
}

// createCollection creates a collection with this number of rows. At the end of the test, it is dropped together with
// all collections whose names start with its name.
func (m milvus) createCollection(t *testing.T, rows int) string {
	t.Helper()
	name := fmt.Sprintf("go_%d_%d", os.Getpid(), time.Now().UnixNano())
	m.call(t, http.MethodPost, "collections/create", map[string]any{"collectionName": name, "dimension": 4, "metricType": "L2"})
	t.Cleanup(func() {
		for _, existing := range m.collections(t) {
			if strings.HasPrefix(existing, name) {
				m.call(t, http.MethodPost, "collections/drop", map[string]any{"collectionName": existing})
			}
		}
	})
	data := make([]map[string]any, rows)
	for i := range data {
		data[i] = map[string]any{"vector": []float32{float32(i), 1, 2, 3}}
	}
	m.call(t, http.MethodPost, "insert", map[string]any{"collectionName": name, "data": data})
	return name
}

// collections returns the names of all collections.
func (m milvus) collections(t *testing.T) []string {
	t.Helper()
	var names []string
	if err := json.Unmarshal(m.call(t, http.MethodGet, "collections", nil), &names); err != nil {
		t.Fatal(err)
	}
	return names
}

// startServer starts a server with its backups and jobs in a directory of the test, and returns its address. It appends
// serverConfig to the section `server:` of the configuration.
func startServer(t *testing.T, m milvus, serverConfig string) string {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "backup.yaml")
	hash := func(token string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(token))) }
	text := fmt.Sprintf(`configVersion: v2
milvus:
  grpc: {address: 127.0.0.1, port: %d}
  management: {endpoint: ""}
  storage: {provider: local, rootPath: %q}
backup:
  storage: {rootPath: %q}
server:
  data_dir: %q
  tokens: ["admin:admin:sha256:%s", "reader:read:sha256:%s"]
%s`, m.Port, m.Storage.Root, filepath.Join(dir, "backups"), filepath.Join(dir, "jobs"), hash(admin), hash(reader), serverConfig)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(requireEnv(t, "MB_TEST_SERVER"), "--config", config, "server", "--listen", "127.0.0.1:0")
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	listening := make(chan string, 1)
	ended := make(chan struct{})
	var log bytes.Buffer // must not be read before `ended` is closed
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			fmt.Fprintln(&log, lines.Text())
			_, url, found := strings.Cut(lines.Text(), "listening on ")
			if _, address, isURL := strings.Cut(url, "://"); found && isURL && len(listening) == 0 {
				listening <- strings.Fields(address)[0]
			}
		}
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(time.Minute, func() { _ = command.Process.Kill() })
		defer kill.Stop()
		<-ended
		_ = command.Wait()
		t.Logf("the log of the server:\n%s", log.String())
	})
	select {
	case address := <-listening:
		return address
	case <-ended:
		t.Fatal("the server ended before it listened")
	case <-time.After(time.Minute):
		t.Fatal("the server did not print its address within a minute")
	}
	return ""
}

func connect(t *testing.T, address string, options ...milvusbackup.Option) *milvusbackup.Client {
	t.Helper()
	client, err := milvusbackup.New(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}
