# Charye (차례). `make` or `make help` lists what there is. A fresh Debian machine needs Go, gcc (for the race detector)
# and make; everything else is built or installed by the targets themselves.

.DEFAULT_GOAL := help
SHELL := /bin/bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GO_BUILD = CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)'

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build bin/charye: one static binary
	$(GO_BUILD) -o bin/charye ./cmd/charye

.PHONY: demo
demo: build ## Build and start a national demo that opens within a minute, with a crowd around you
	./bin/charye demo $(ARGS)

.PHONY: cluster
cluster: build ## Start the clustered form here: PostgreSQL, Redis Cluster, two nodes, an edge (NODES=2)
	@scripts/cluster $(NODES)

.PHONY: test
test: ## Test everything: checks, unit and race tests, the program's scripts and the browser journeys
	@scripts/test check unit race e2e

.PHONY: check
check: ## Formatting, vet, lint with the layer rules, generated files, modules
	@scripts/test check

.PHONY: unit
unit: ## Unit tests and engines: no browser, no long drills
	@scripts/test unit

.PHONY: race
race: ## The concurrent packages again, under the race detector
	@scripts/test race

.PHONY: e2e
e2e: ## The built program from outside: browser journeys, kill -9 drills, attacks
	@scripts/test e2e

.PHONY: attacks
attacks: ## Try the known ways around the line on both pairs of engines, and print the table
	@scripts/attacks

.PHONY: fuzz
fuzz: ## Fuzz every parser and token, a minute each (FOR=10s for less)
	@scripts/fuzz $(FOR)

.PHONY: sbom
sbom: build ## Write bin/charye.cdx.json: what is in the program, by module and version (CycloneDX)
	@"$$(scripts/tool cyclonedx-gomod)" bin -json -std -noserial -output bin/charye.cdx.json bin/charye
	@echo "bin/charye.cdx.json: $$(grep -c '"purl"' bin/charye.cdx.json) components"

.PHONY: reproducible
reproducible: ## Build twice in two folders: the same source gives the same program
	@scripts/reproducible

.PHONY: bench
bench: ## Each budget of docs/performance.md: the command that measures it, and a short run
	@scripts/bench

.PHONY: generate
generate: ## Make the generated files anew
	@scripts/generate

.PHONY: fmt
fmt: ## Format the Go files
	@"$$(scripts/tool golangci-lint)" fmt ./...

.PHONY: clean
clean: ## Remove what was built; the pinned tools in .tools stay
	rm -rf bin tmp
