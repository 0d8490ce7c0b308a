package programme

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// errNotYAML stands for a panic inside the YAML library: whatever the reason, the file was not understood.
var errNotYAML = errors.New("it cannot be read")

// decode reads the documents of src, at most two: a second one is already one too many.
func decode(src []byte, docs *[]yaml.Node) (err error) {
	defer func() {
		// The library has had panics on hostile input; to the caller that is one more way of not being YAML.
		if recover() != nil {
			err = errNotYAML
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(src))
	for len(*docs) < 2 {
		var n yaml.Node
		if err := d.Decode(&n); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		*docs = append(*docs, n)
	}
	return nil
}

var (
	yamlError  = regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`)
	yamlAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// whereInYAML takes the line out of an error of the YAML library. The library leaves it out on the first line, and for
// an alias without its anchor.
func whereInYAML(src []byte, err error) (line int, msg string) {
	m := yamlError.FindStringSubmatch(err.Error())
	if m == nil {
		return 0, oneLine(err.Error())
	}
	msg = m[2]
	if line, err := strconv.Atoi(m[1]); err == nil {
		return line, oneLine(msg)
	}
	if a := yamlAnchor.FindStringSubmatch(msg); a != nil {
		before, _, _ := bytes.Cut(src, []byte("*"+a[1]))
		return 1 + bytes.Count(before, []byte("\n")), oneLine(msg)
	}
	return 1, oneLine(msg)
}

func oneLine(s string) string { return shownUpTo(strings.Join(strings.Fields(s), " "), 120) }
