"""What `monitor demo` shows without any set-up: sample feeds, and a Slack that never leaves the machine."""
