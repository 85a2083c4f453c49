"""What the lab's AWS answers, a module for each kind of thing."""
