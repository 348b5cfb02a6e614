//! Cleaning of error texts of Milvus, which contain stack traces and repeated attempts.

/// Removes the stack traces of the server and all but the last of its own attempts.
pub(crate) fn clean_reason(text: &str) -> String {
    const TRACE: &str = "stack trace: ";
    let mut text = text.to_owned();
    while let Some(at) = text.find(TRACE) {
        let rest = text.get(at + TRACE.len()..).map(skip_frames).unwrap_or_default();
        text = format!("{}{rest}", text.get(..at).unwrap_or_default());
    }
    keep_last_attempt(&text)
}

/// Returns the text after a stack trace.
///
/// Each frame is a line `file:line function`; a colon after the last frame separates it from the error text.
fn skip_frames(trace: &str) -> String {
    let mut lines = trace.split('\n');
    while let Some(line) = lines.next() {
        let frame = line.strip_prefix('/').and_then(|line| line.split_once(' '));
        match frame.map(|(_, function)| function.split_once(": ")) {
            Some(None) => {}
            Some(Some((_, text))) => {
                return std::iter::once(text).chain(lines).collect::<Vec<_>>().join("\n");
            }
            None => return std::iter::once(line).chain(lines).collect::<Vec<_>>().join("\n"),
        }
    }
    String::new()
}

/// Keeps only the last attempt: the server repeats its error as `attempt #N: error` for each attempt.
fn keep_last_attempt(text: &str) -> String {
    const ATTEMPT: &str = "attempt #";
    let Some((before, _)) = text.split_once(ATTEMPT) else { return text.to_owned() };
    let last = text.rsplit(ATTEMPT).next().unwrap_or_default();
    let error = last.split_once(": ").map_or(last, |(_, error)| error);
    format!("{before}{error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stack_traces_and_repeated_attempts_are_removed() {
        let text = "cannot flush: stack trace: /src/pkg/tracer/stack_trace.go:51 tracer.StackTrace\n\
                    /src/util/client.go:550 util.(*ClientBase[...]).Call\n\
                    /usr/local/go/src/runtime/asm_amd64.s:1598 runtime.goexit: attempt #0: node not match: \
                    attempt #1: node not match";
        assert_eq!(clean_reason(text), "cannot flush: node not match");
        assert_eq!(clean_reason("collection not found"), "collection not found");
    }

    #[test]
    fn a_truncated_text_is_accepted() {
        for text in
            ["stack trace: ", "stack trace: /a.go:1 f", "stack trace: /a.go:1", "attempt #", "attempt #1"]
        {
            assert!(!clean_reason(text).contains("stack trace"), "{text}");
        }
    }
}
