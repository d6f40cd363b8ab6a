"""Mail: what is waiting to be sent, what each e-mail says, and how it leaves."""
