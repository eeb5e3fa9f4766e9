"""Downloads a model with the hub's own client, and sees how it takes refusals.

Arguments: the model, its commit, and a folder to download it to.
"""

import sys
import huggingface_hub
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

model, commit, folder = sys.argv[1:4]
print('huggingface_hub', huggingface_hub.__version__)
assert HfApi().model_info(model).sha == commit
snapshot_download(model, local_dir=folder)
hf_hub_download(model, 'mlc-chat-config.json', revision=commit, cache_dir=folder + '-cache')

def refused(expected, *arguments, **more):
    try:
        hf_hub_download(*arguments, cache_dir=folder + '-refused', **more)
    except expected as error:
        print(f"  {type(error).__name__} where it should be")
    else:
        raise AssertionError(f'{expected} was expected')

refused(EntryNotFoundError, model, 'nothing')
refused(RevisionNotFoundError, model, 'mlc-chat-config.json', revision='nothing')
refused(RepositoryNotFoundError, 'mlc-ai/nothing', 'mlc-chat-config.json', token=False)
refused(RepositoryNotFoundError, 'mlc-ai/nothing', 'mlc-chat-config.json')
refused(GatedRepoError, 'mlc-ai/Gated', 'mlc-chat-config.json')
