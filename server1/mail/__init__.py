"""Mail: what is waiting to be sent, what each letter says, and how it leaves."""
