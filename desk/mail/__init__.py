"""Mail in and mail out: one more door to the same verbs, and the post the desk sends."""
