"""Nothing but its place: pytest puts a conftest's folder on `sys.path`, so unit and integration import `php_tree`."""
