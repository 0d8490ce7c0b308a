package cluster_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"charye/rush"
	"charye/test/ports"
	"charye/test/program"
	"charye/test/services"
	"charye/test/services/redis"
)

// TestStay is `make cluster`: it starts PostgreSQL, a Redis Cluster, nodes and the edge, says where they are, and stays until it is
// told to stop. CHARYE_STAY is the number of nodes, CHARYE_STAY_PROGRAMME a programme file of your own.
func TestStay(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("CHARYE_STAY"))
	if err != nil || n < 1 {
		t.Skip("starts the clustered form and stays: run make cluster")
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	rules := os.Getenv("CHARYE_STAY_PROGRAMME")
	if rules == "" {
		rules = "../../cmd/charye/demo.yaml"
	}
	c := startClustered(t, n, rules)
	fmt.Print(c.told)
	if then := os.Getenv("CHARYE_STAY_THEN"); then != "" { // a command to run and end with, instead of waiting
		if out, err := c.then(then, os.Stdout); err != nil {
			t.Error(err, out)
		}
		return
	}
	<-stop
}

// TestClustered is `make cluster` with a small rush in it, and its proof.
func TestClustered(t *testing.T) {
	t.Parallel()
	program.NeedE2E(t)
	small, err := rush.Named("small")
	if err != nil {
		t.Fatal(err)
	}
	small.Invitations = true
	c := startClustered(t, 2, write(t, t.TempDir(), "rush.yaml", string(small.Programme(0.1))))
	var said strings.Builder
	out, err := c.then(`set -e
		"$CHARYE_BIN" rush $(printf -- '--target %s ' $CHARYE_TARGETS) --data "$CHARYE_DATA_DIR" --scale 0.1 --seed 5 --delivery 20
		"$CHARYE_BIN" check --data "$CHARYE_DATA_DIR"`, &said)
	if err != nil || !strings.Contains(said.String(), "every promise is kept") || !strings.Contains(said.String(), "20 doses came") {
		t.Errorf("%v\n%s%s", err, said.String(), out)
	}
}

// clustered is all that `make cluster` starts.
type clustered struct {
	*world
	edge *services.Edge
	told string // where everything is
}

func startClustered(t *testing.T, n int, rules string) *clustered {
	t.Helper()
	w := &world{T: t, postgres: services.OwnPostgres(t), cache: redis.StartCluster(t, 3)}
	w.url, w.lines = w.postgres.URL("charye"), w.cache.Addresses()
	if err := w.postgres.Exec(t.Context(), "postgres", "CREATE DATABASE charye"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w.data = filepath.Join(dir, "data")
	sites := write(t, dir, "sites.csv", "id,name,kind,address,lat,lon,phone,region\n"+manySites(200))
	w.command("import", "sites", "--format", "csv", "--data", w.data, "--postgres", w.url, sites)
	var behind []string
	address := ports.Address(t)
	for range n {
		node := program.Start(t, append([]string{"serve", "--programme", rules, "--trusted-proxy", "127.0.0.0/8"}, w.engines()...)...)
		w.nodes = append(w.nodes, node)
		behind = append(behind, strings.TrimPrefix(node.URL, "http://"))
	}
	edge := services.StartEdge(t, edgeConfig, address, behind...)
	stores := fmt.Sprintf("--data %s --postgres '%s' --valkey %s", w.data, w.url, strings.Join(w.lines, ","))
	return &clustered{world: w, edge: edge, told: fmt.Sprintf(`
  Charye on many nodes, all on this machine, gone when you stop it (Ctrl-C).

  Edge        %s    (certificate: %s)
  Nodes       %s
  PostgreSQL  %s
  Cluster     %s

  A rush      bin/charye rush --target %s --data %s --postgres '%s'
  Its proof   bin/charye check %s

`, edge.URL, edge.CA, urls(w.nodes), w.url, strings.Join(w.lines, " "), strings.ReplaceAll(urls(w.nodes), "  ", " --target "), w.data, w.url, stores)}
}

// then runs a shell command that finds everything in its environment.
func (c *clustered) then(command string, out io.Writer) (string, error) {
	cmd := exec.CommandContext(c.Context(), "sh", "-c", command)
	cmd.Env = append(os.Environ(), "CHARYE_TARGETS="+urls(c.nodes), "CHARYE_DATA_DIR="+c.data, "CHARYE_POSTGRES="+c.url,
		"CHARYE_VALKEY="+strings.Join(c.lines, ","), "CHARYE_BIN="+program.Binary(c), "CHARYE_PIDS="+pids(c.nodes), "CHARYE_EDGE="+c.edge.URL)
	var errors strings.Builder
	cmd.Stdout, cmd.Stderr = out, &errors
	err := cmd.Run()
	return errors.String(), err
}

func urls(nodes []*program.Charye) string {
	var out []string
	for _, n := range nodes {
		out = append(out, n.URL)
	}
	return strings.Join(out, "  ")
}

func pids(nodes []*program.Charye) string {
	var out []string
	for _, n := range nodes {
		out = append(out, fmt.Sprint(n.PID()))
	}
	return strings.Join(out, " ")
}
