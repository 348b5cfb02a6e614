//go:build e2e

// Package e2e has the tests of the client against a real server over a real Milvus. MB_TEST_SERVER is the program
// milvus-backup, MB_TEST_MILVUS what scripts/milvus_server.py says of a running Milvus on a disk; `scripts/test-go`
// sets both.
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

// Tokens the server knows, by their roles.
const (
	admin  = "the-token-of-an-administrator"
	reader = "the-token-of-a-reader"
)

// How long anything here may take.
const patience = 3 * time.Minute

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// needed is an environment variable that has to be there.
func needed(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set; scripts/test-go sets it", name)
	}
	return value
}

// milvus is a running Milvus.
type milvus struct {
	Port    int `json:"port"`
	Storage struct {
		Root string `json:"root"`
	} `json:"storage"`
}

func runningMilvus(t *testing.T) milvus {
	t.Helper()
	text, err := os.ReadFile(needed(t, "MB_TEST_MILVUS"))
	if err != nil {
		t.Fatal(err)
	}
	var known milvus
	if err := json.Unmarshal(text, &known); err != nil {
		t.Fatal(err)
	}
	return known
}

// call makes a call of Milvus's own REST interface.
func (m milvus) call(t *testing.T, method, path string, body any) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	url := fmt.Sprintf("http://127.0.0.1:%d/v1/vector/%s", m.Port, path)
	request, err := http.NewRequestWithContext(deadline(t), method, url, bytes.NewReader(text))
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
	var answer struct {
		Code    int
		Message string
		Data    json.RawMessage
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Code != http.StatusOK {
		t.Fatalf("%s: %s", path, text)
	}
	return answer.Data
}

// collection makes a collection with so many rows; it and whatever is named after it are dropped at the end.
func (m milvus) collection(t *testing.T, rows int) string {
	t.Helper()
	name := fmt.Sprintf("go_%d_%d", os.Getpid(), time.Now().UnixNano())
	m.call(t, http.MethodPost, "collections/create", map[string]any{"collectionName": name, "dimension": 4, "metricType": "L2"})
	t.Cleanup(func() {
		for _, known := range m.collections(t) {
			if strings.HasPrefix(known, name) {
				m.call(t, http.MethodPost, "collections/drop", map[string]any{"collectionName": known})
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

func (m milvus) collections(t *testing.T) []string {
	t.Helper()
	var names []string
	if err := json.Unmarshal(m.call(t, http.MethodGet, "collections", nil), &names); err != nil {
		t.Fatal(err)
	}
	return names
}

// serve starts a server with its backups and jobs in a directory of the test, and gives its address. `more` is added
// below `server:` of its configuration.
func serve(t *testing.T, m milvus, more string) string {
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
%s`, m.Port, m.Storage.Root, filepath.Join(dir, "backups"), filepath.Join(dir, "jobs"), hash(admin), hash(reader), more)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(needed(t, "MB_TEST_SERVER"), "--config", config, "server", "--listen", "127.0.0.1:0")
	out, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	listening := make(chan string, 1)
	ended := make(chan struct{})
	var said bytes.Buffer // read once `ended` is closed
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(&said, lines.Text())
			_, at, found := strings.Cut(lines.Text(), "listening on ")
			if _, address, scheme := strings.Cut(at, "://"); found && scheme && len(listening) == 0 {
				listening <- strings.Fields(address)[0]
			}
		}
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(time.Minute, func() { _ = command.Process.Kill() })
		defer late.Stop()
		<-ended
		_ = command.Wait()
		t.Logf("the server said:\n%s", said.String())
	})
	select {
	case address := <-listening:
		return address
	case <-ended:
		t.Fatal("the server ended before it listened")
	case <-time.After(time.Minute):
		t.Fatal("the server does not say where it listens")
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
