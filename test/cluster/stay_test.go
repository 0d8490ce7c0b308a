package cluster_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

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
	w := &world{T: t, postgres: services.OwnPostgres(t), cache: redis.StartCluster(t, 3)}
	w.url = w.postgres.URL("charye")
	if err := w.postgres.Exec(t.Context(), "postgres", "CREATE DATABASE charye"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w.data = filepath.Join(dir, "data")
	rules := os.Getenv("CHARYE_STAY_PROGRAMME")
	if rules == "" {
		rules = "../../cmd/charye/demo.yaml"
	}
	sites := write(t, dir, "sites.csv", "id,name,kind,address,lat,lon,phone,region\n"+manySites(200))
	w.command("import", "sites", "--format", "csv", "--data", w.data, "--postgres", w.url, sites)
	var behind []string
	address := services.EdgeAddress(t)
	for range n {
		node := program.Start(t, append([]string{"serve", "--programme", rules, "--trusted-proxy", "127.0.0.0/8"}, w.engines()...)...)
		w.nodes = append(w.nodes, node)
		behind = append(behind, strings.TrimPrefix(node.URL, "http://"))
	}
	edge := services.StartEdge(t, edgeConfig, address, behind...)
	engines := fmt.Sprintf("--data %s --postgres '%s' --valkey %s", w.data, w.url, strings.Join(w.cache.Addresses(), ","))
	fmt.Printf(`
  Charye on many nodes, all on this machine, gone when you stop it (Ctrl-C).

  Edge        %s    (certificate: %s)
  Nodes       %s
  PostgreSQL  %s
  Cluster     %s

  A rush      bin/charye rush --target %s --data %s --postgres '%s'
  Its proof   bin/charye check %s

`, edge.URL, edge.CA, urls(w.nodes), w.url, strings.Join(w.cache.Addresses(), " "), w.nodes[0].URL, w.data, w.url, engines)
	if then := os.Getenv("CHARYE_STAY_THEN"); then != "" { // a command to run and end with, instead of waiting
		cmd := exec.Command("sh", "-c", then)
		cmd.Env = append(os.Environ(), "CHARYE_TARGET="+w.nodes[0].URL, "CHARYE_DATA_DIR="+w.data, "CHARYE_POSTGRES="+w.url,
			"CHARYE_VALKEY="+strings.Join(w.cache.Addresses(), ","), "CHARYE_BIN="+program.Binary(t), "CHARYE_PIDS="+pids(w.nodes), "CHARYE_EDGE="+edge.URL)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			t.Error(err)
		}
		return
	}
	<-stop
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
