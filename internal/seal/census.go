package seal

import "context"

// Census counts what a store keeps by the keys that it needs.
type Census struct {
	Fields map[uint32]int64 // sealed fields, by the id of their key ([KeyOf])
	Layers map[int]int64    // blind indexes, by their layer
}

// Add adds what another store keeps.
func (c *Census) Add(o Census) {
	for id, n := range o.Fields {
		c.Field(id, n)
	}
	for layer, n := range o.Layers {
		c.Layer(layer, n)
	}
}

// Field counts n more fields of a key.
func (c *Census) Field(id uint32, n int64) {
	if c.Fields == nil {
		c.Fields = map[uint32]int64{}
	}
	c.Fields[id] += n
}

// Layer counts n more indexes of a layer.
func (c *Census) Layer(layer int, n int64) {
	if c.Layers == nil {
		c.Layers = map[int]int64{}
	}
	c.Layers[layer] += n
}

// Pace is called after each batch of long work in the background, with the rows of it: it waits as long as the work must not go
// on, and ends it with an error. What was done until then stays, and the work done again goes on behind it.
type Pace func(ctx context.Context, rows int) error

// ResealAtOnce is how many rows one transaction of re-sealing moves.
const ResealAtOnce = 256
