"""`python -m deployment_system.cli` is `deployment-cli`."""

from deployment_system.cli.main import main

if __name__ == "__main__":
    main()
