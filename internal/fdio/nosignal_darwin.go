package fdio

// noSignal has no flag here; Go's own handler lets SIGPIPE pass for raw writes.
const noSignal = 0
