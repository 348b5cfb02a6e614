//! What Milvus says of a failure, without what it says to its own makers.

/// Leaves out the stack traces of the server and all but the last of its own attempts.
pub(crate) fn plain(text: &str) -> String {
    const TRACE: &str = "stack trace: ";
    let mut text = text.to_owned();
    while let Some(at) = text.find(TRACE) {
        let told = text.get(at + TRACE.len()..).map(after_frames).unwrap_or_default();
        text = format!("{}{told}", text.get(..at).unwrap_or_default());
    }
    last_attempt(&text)
}

/// Frames are lines of `file:line function`; what the trace was wrapped around follows the last, behind a colon.
fn after_frames(trace: &str) -> String {
    let mut lines = trace.split('\n');
    while let Some(line) = lines.next() {
        let frame = line.strip_prefix('/').and_then(|line| line.split_once(' '));
        match frame.map(|(_, function)| function.split_once(": ")) {
            Some(None) => {}
            Some(Some((_, told))) => {
                return std::iter::once(told).chain(lines).collect::<Vec<_>>().join("\n");
            }
            None => return std::iter::once(line).chain(lines).collect::<Vec<_>>().join("\n"),
        }
    }
    String::new()
}

/// The server repeats its error for each of its attempts.
fn last_attempt(text: &str) -> String {
    const ATTEMPT: &str = "attempt #";
    let Some((before, _)) = text.split_once(ATTEMPT) else { return text.to_owned() };
    let last = text.rsplit(ATTEMPT).next().unwrap_or_default();
    let told = last.split_once(": ").map_or(last, |(_, told)| told);
    format!("{before}{told}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_and_repeated_attempts_are_left_out() {
        let text = "cannot flush: stack trace: /src/pkg/tracer/stack_trace.go:51 tracer.StackTrace\n\
                    /src/util/client.go:550 util.(*ClientBase[...]).Call\n\
                    /usr/local/go/src/runtime/asm_amd64.s:1598 runtime.goexit: attempt #0: node not match: \
                    attempt #1: node not match";
        assert_eq!(plain(text), "cannot flush: node not match");
        assert_eq!(plain("collection not found"), "collection not found");
    }

    #[test]
    fn a_text_that_is_cut_off_is_no_trouble() {
        for text in
            ["stack trace: ", "stack trace: /a.go:1 f", "stack trace: /a.go:1", "attempt #", "attempt #1"]
        {
            assert!(!plain(text).contains("stack trace"), "{text}");
        }
    }
}
