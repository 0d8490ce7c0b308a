package valkey

import (
	"encoding/binary"
	"fmt"

	"charye/person"
)

// keys are a campaign's keys. In braces stands the part that decides the slot: all of a campaign's own keys are in one,
// each bucket and each chunk of the draw in one of its own. All of them end some time after the closing.
//
//	{P:C}:line        hash: the facts (epoch, seed, draw, buckets, gathered, drawn …), the counters (joined, admitted,
//	                  serial) and the lease's token
//	{P:C}:lease       the node that has the lease; runs out by itself
//	{P:C}:pending:G   hash person → seq: given in generation G and perhaps not in the bucket yet. Two generations exist
//	{P:C}:open:G      hash batch → its people and seqs: not known to be in their buckets
//	{P:C}:pass        hash person → device, serial, expiry: live passes; few, since not many are inside at once
//	{P:C}:inside      sorted set of the same people by expiry
//	{P:C}:claims      stream of numbers that took a pass, of the last minutes
//	{P:C}:speeds      stream of booking latencies that nodes without the lease saw, of the last seconds
//	{P:C}:waves       list of the last steps of admission
//	{P:C:B}:people    hash person → seq, of bucket B; the empty field holds the epoch
//	{P:C:dI}:T:n, :e  drawn numbers by seq and entrants by number, chunk I of the draw made under token T
type keys struct {
	root    string
	buckets uint32
}

func newKeys(prefix string, campaign uint32) keys {
	return keys{root: fmt.Sprintf("%s:%d", prefix, campaign)}
}

func (k *keys) own(name string) string { return "{" + k.root + "}:" + name }

func (k *keys) gen(name string, gen int64) string {
	return fmt.Sprintf("{%s}:%s:%d", k.root, name, gen)
}

func (k *keys) bucket(b uint32) string { return fmt.Sprintf("{%s:%d}:people", k.root, b) }

func (k *keys) chunk(kind string, token string, i int) string {
	return fmt.Sprintf("{%s:d%d}:%s:%s", k.root, i, token, kind)
}

// bucketOf is where a person is kept; keys of people are spread evenly already.
func (k *keys) bucketOf(who person.Key) uint32 {
	return binary.BigEndian.Uint32(who[:4]) % k.buckets
}
