package supply

import (
	"context"
	"errors"
	"time"
)

// TaskState says where a task is.
type TaskState string

// The states of a task.
const (
	TaskWaits   TaskState = "waits"   // for a node that has time
	TaskRuns    TaskState = "runs"    // at a node, until [Task.Until]; after that another may go on
	TaskDone    TaskState = "done"    // Result says what came of it
	TaskFailed  TaskState = "failed"  // Result says why
	TaskStopped TaskState = "stopped" // nobody looked any more
)

// Open reports whether somebody still has to work at it.
func (s TaskState) Open() bool { return s == TaskWaits || s == TaskRuns }

// Task is work of the supply room that takes longer than a request: a plan in the making, a case that is being carried out. It is kept so that every node
// can show how far it is, and so that another goes on where a node is no more.
type Task struct {
	ID     string
	By     string    // who wants it
	What   string    // a short name of it, for lists
	At     time.Time // since when
	Wish   []byte    // what is wanted, in the words of whoever does it
	State  TaskState
	Node   string    // who works at it, or did last
	Until  time.Time // until when it is that node's
	Looked time.Time // when somebody last looked at it
	Progress
	Result string
}

// Progress is how far a task has come. Of what a task does not count both are 0.
type Progress struct {
	Sites, OfSites   int
	Near             int // sites around those
	People, OfPeople int
}

// ErrNoTask means that there is no task of that name.
var ErrNoTask = errors.New("there is no such work under way")

// Tasks keeps tasks. Its methods are safe for concurrent use, and, where nodes share a store, from any of them. supply/supplytest proves what every engine must do.
type Tasks interface {
	// AddTask keeps a new one, as it is; one of that name that is there already stays as it was, which is no error.
	AddTask(ctx context.Context, t Task) error
	// Task gives one, or [ErrNoTask].
	Task(ctx context.Context, id string) (Task, error)
	// Tasks lists all but their wishes, the last first.
	Tasks(ctx context.Context) ([]Task, error)
	// TakeTask gives one to a node, if nobody has it: it waits, or its node's time is over at now, or it is this node's already.
	TakeTask(ctx context.Context, id, node string, now, until time.Time) (mine bool, err error)
	// TellTask notes how far the node has come that has it, which keeps it until then. It is not the node's any more when somebody else has taken, ended or stopped it.
	TellTask(ctx context.Context, id, node string, until time.Time, p Progress) (mine bool, looked time.Time, err error)
	// EndTask ends it, if it is the node's.
	EndTask(ctx context.Context, id, node string, as TaskState, result string) (mine bool, err error)
	// LookTask notes that somebody looks at it.
	LookTask(ctx context.Context, id string, at time.Time) error
	// RetryTask has one that failed or was stopped wait again, as of now; every other stays as it is.
	RetryTask(ctx context.Context, id string, now time.Time) error
	// DropTasks forgets those from before an instant.
	DropTasks(ctx context.Context, before time.Time) error
}
