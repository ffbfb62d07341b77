"""A daemon that somebody else has started, with containers, images and a volume of theirs on it."""

import io

from roadworthy.trees.layers import File, layer_tar, write_archive


class Somebodys:
    """What somebody has on a daemon, and what there is of it at any moment."""

    def __init__(self, engine, tools):
        self.engine = engine
        self.url = f"unix://{engine.socket}"
        archive = io.BytesIO()
        write_archive(archive, "theirs:1", [layer_tar({"file": File(b"theirs")})])
        client = engine.client
        client.images.load(archive.getvalue())
        client.images.get("theirs:1").tag("roadworthy", "lane")  # a name that the suite uses on daemons of its own
        client.volumes.create("theirs")
        bound = {str(engine.place.toolbox(tools)): {"bind": "/toolbox", "mode": "ro"}, "theirs": {"bind": "/v"}}
        settings = {"network_mode": "none", "volumes": bound}
        self.running = client.containers.run("theirs:1", tools.agent("--idle"), name="busy", detach=True, **settings)
        client.containers.create("theirs:1", ["/none"], name="idle", **settings)

    def seen(self):
        """Ids, states, mounts and layers of everything that they have, and of everything else that is there."""
        client = self.engine.client.api
        whole = [client.inspect_container(one["Id"]) for one in client.containers(all=True)]
        mounts = {one["Name"]: sorted(map(str, one["Mounts"])) for one in whole}  # the daemon keeps no order of them
        volumes = client.volumes()["Volumes"] or []
        upper = self.engine.driver.writable_layer(self.engine, client.inspect_container("busy"))
        return {
            "containers": [{key: one[key] for key in ("Id", "Name", "State", "Image")} for one in whole],
            "their mounts": mounts,
            "images": sorted((one["Id"], tuple(sorted(one["RepoTags"] or ()))) for one in client.images(all=True)),
            "volumes": sorted((one["Name"], one["CreatedAt"]) for one in volumes),
            "mounts": sorted(line.split()[4] for line in self.engine.place.mounts()),
            "upper": sorted((str(path), path.lstat().st_mtime_ns) for path in upper.rglob("*")),
            "driver": client.info()["Driver"],
        }
